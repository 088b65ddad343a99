"""The store: images, masks and labels of one size in one HDF5 file, read whole or memory-mapped.

`image` uint8 (N,H,W,3) RGB, `mask` uint8 (N,H,W,K) 0 absent, 1 present, 255 not annotated or outside the image,
`label` int8 (N,L) 0, 1, -1 unknown, `id` and `group` strings, `frame` int32 (N,6), see `dermoscopy.data.store.frame`;
where the data set has them also `metadata`, see `dermoscopy.data.store.metadata`, and `official`, the subset of each
image in the official split ("" for none).
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.store.label_counts import count_labels, uncovered
from dermoscopy.data.store.metadata import Metadata, describe_metadata, read_metadata

FORMAT = "dermoscopy store"
VERSION = 1
OFFICIAL = "official"
OF_SIZE = re.compile(r"(.*)-\d+x\d+\.h5")  # names that prepare.py gives by default
SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of an HDF5 file


@dataclass(frozen=True, eq=False)
class Store:
    """An open store: the small tables in memory, the pixels on disk until requested."""

    path: Path
    ids: NDArray[np.str_]
    groups: NDArray[np.str_]
    mask_names: tuple[str, ...]
    label_names: tuple[str, ...]
    label: NDArray[np.int8]
    frame: NDArray[np.int32]
    size: tuple[int, int]
    fit: str
    source: str
    fingerprint: str
    offsets: dict[str, int]  # start of each dataset's bytes in the file
    metadata: Metadata = field(default_factory=dict)
    official: NDArray[np.str_] | None = None  # None: the data set has no official split

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Bytes of all images and masks, in memory as on disk."""
        height, width = self.size
        return len(self) * height * width * (3 + len(self.mask_names))

    def image(self, mapped: bool = False) -> NDArray[np.uint8]:
        """Return RGB (N, H, W, 3), in memory or as a memory map whose changes never reach the file."""
        return self._pixels("image", 3, mapped)

    def mask(self, mapped: bool = False) -> NDArray[np.uint8]:
        """Return masks (N, H, W, K), 0 absent, 1 present, 255 not annotated, in memory or mapped like the images."""
        return self._pixels("mask", len(self.mask_names), mapped)

    def _pixels(self, name: str, planes: int, mapped: bool) -> NDArray[np.uint8]:
        shape = (len(self), *self.size, planes)
        if planes == 0:  # the file holds no bytes of it, and an empty array cannot be mapped
            return np.empty(shape, np.uint8)
        if mapped:
            return np.memmap(self.path, np.uint8, "c", self.offsets[name], shape)  # torch has no read-only tensors
        count = int(np.prod(shape))
        return np.fromfile(self.path, np.uint8, count, offset=self.offsets[name]).reshape(shape)


def open_store(path: str | Path, size: Sequence[int] | None = None, fit: str | None = None) -> Store:
    """Open a store that `prepare` made.

    Args:
        path: path of the file.
        size, fit: required size and fit of the images; None: any.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is no store, truncated, of another version, or of another size or fit than required.
    """
    store = _open(Path(path))
    required = list(size or store.size), fit or store.fit
    if required != (list(store.size), store.fit):
        raise ValueError(
            f"{path} is of data.size={list(store.size)} and data.fit={store.fit}, "
            f"but data.size={required[0]} and data.fit={required[1]} are requested: use those of the store"
        )
    return store


def absence(path: Path) -> str:
    """Return that there is no store at a path, where relative paths begin, and the stores of other sizes beside it."""
    start = "" if path.is_absolute() else f" (relative paths begin in {Path.cwd()})"
    name = OF_SIZE.fullmatch(path.name)
    others = []
    for other in sorted(path.parent.glob("*.h5")) if name else ():
        same = OF_SIZE.fullmatch(other.name)
        if same and name and same[1] == name[1]:
            with suppress(ValueError, OSError):
                store = open_store(other)
                others.append(f"{other} of data.size=[{store.size[0]},{store.size[1]}] and data.fit={store.fit}")
    beside = f"; there is {', '.join(others)}" if others else ""
    return f"no store {path.absolute()}{start}{beside}"


def describe_store(path: Path) -> str:
    """Return a few lines that describe the content of a store."""
    store = open_store(path)
    masks, labels = ", ".join(store.mask_names) or "none", count_labels(store.label, store.label_names)
    exclusive = uncovered(store.label)
    lines = [
        f"{path}: {len(store)} images of {store.size[0]} x {store.size[1]} px, fingerprint {store.fingerprint[:12]}",
        f"masks: {masks}; labels: {labels}",
        exclusive,
        f"metadata: {describe_metadata(store.metadata)}" if store.metadata else "",
    ]
    return "\n  ".join(line for line in lines if line)


def could_be_store(path: Path) -> bool:
    """Return whether a file is a store, a damaged one, or empty: one that may be replaced."""
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except OSError:
        with path.open("rb") as raw:
            return raw.read(len(SIGNATURE)) in (SIGNATURE, b"")


def _open(path: Path) -> Store:
    if not path.is_file():
        raise FileNotFoundError(f"{absence(path)}: make it with `python prepare.py data=NAME`")
    remake = "make it again with `python prepare.py data=NAME`"
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise ValueError(f"{path} is an HDF5 file but no store: give a file made by prepare.py")
            if file.attrs["version"] != VERSION:
                raise ValueError(f"{path} is a store of version {file.attrs['version']}, not {VERSION}: {remake}")
            return _read(path, file)
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} is no complete store ({error}): {remake}") from error


def _read(path: Path, file: h5py.File) -> Store:
    height, width = file.attrs["size"]
    return Store(
        path=path,
        ids=file["id"].asstr()[:].astype(np.str_),
        groups=file["group"].asstr()[:].astype(np.str_),
        mask_names=tuple(str(name) for name in file["mask"].attrs["names"]),
        label_names=tuple(str(name) for name in file["label"].attrs["names"]),
        label=file["label"][:],
        frame=file["frame"][:],
        size=(int(height), int(width)),
        fit=file.attrs["fit"],
        source=file.attrs["source"],
        fingerprint=file.attrs["fingerprint"],
        offsets={name: file[name].id.get_offset() or 0 for name in ("image", "mask")},
        metadata=read_metadata(file),
        official=file[OFFICIAL].asstr()[:].astype(np.str_) if OFFICIAL in file else None,
    )
