"""Encoded images in one HDF5 file, such as those of ISIC 2024: a dataset of bytes per image, named by its id.

A path FILE.hdf5/ID stands for such an image; everywhere else it is treated like the path of a file in a folder.
"""

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

SUFFIXES = (".h5", ".hdf5")


def is_container(path: Path) -> bool:
    """Return whether a path is a file that may hold images."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def container_of(path: Path) -> Path | None:
    """Return the file that holds an image, None if the image is a file of its own."""
    return path.parent if is_container(path.parent) else None


def names(path: Path) -> list[str]:
    """Return the names of the images in a file, in order.

    Raises:
        ValueError: it is no HDF5 file, or holds arrays of pixels instead of encoded images.
    """
    try:
        file = _opened(path)
    except OSError as error:
        raise ValueError(f"{path} is no complete HDF5 file ({error}): get it again") from error
    found = sorted(str(name) for name in file)
    if found and not (isinstance(first := file[found[0]], h5py.Dataset) and _is_encoded(first)):
        raise ValueError(f"{path} holds no encoded images, one dataset of bytes each: save them as files in a folder")
    return found


def read(path: Path) -> bytes:
    """Return the bytes of an image; a dataset that is missing or of another kind raises KeyError or OSError."""
    dataset = _opened(path.parent)[path.name]
    content = dataset[()]
    return content.tobytes() if isinstance(content, np.ndarray | np.void) else bytes(content)


def _is_encoded(dataset: h5py.Dataset) -> bool:
    return dataset.ndim == 0 or (dataset.ndim == 1 and dataset.dtype == np.uint8)


@lru_cache(maxsize=4)
def _opened(path: Path) -> h5py.File:
    """Return an open file: opening it for each of 400 000 images would take longer than to decode them."""
    return h5py.File(path, "r")
