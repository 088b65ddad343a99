"""The store: images, masks and labels of one size in one HDF5 file, read whole or memory-mapped.

`image` uint8 (N,H,W,3) RGB, `mask` uint8 (N,H,W,K) 0 absent, 1 present, 255 not annotated or outside the image,
`label` int8 (N,L) 0, 1, -1 unknown, `id` and `group` strings, `frame` int32 (N,6), see `dermoscopy.data.store.frame`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT = "dermoscopy store"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Store:
    """An open store: the small tables in memory, the pixels on disk until asked for."""

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
    offsets: dict[str, int]  # where a dataset's bytes begin in the file

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Bytes of all images and masks, in memory as on disk."""
        height, width = self.size
        return len(self) * height * width * (3 + len(self.mask_names))

    def image(self, mapped: bool = False) -> NDArray[np.uint8]:
        """RGB (N, H, W, 3), in memory or as a map whose changes never reach the file."""
        return self._pixels("image", 3, mapped)

    def mask(self, mapped: bool = False) -> NDArray[np.uint8]:
        """0 absent, 1 present, 255 not annotated: (N, H, W, K), in memory or mapped like the image."""
        return self._pixels("mask", len(self.mask_names), mapped)

    def _pixels(self, name: str, planes: int, mapped: bool) -> NDArray[np.uint8]:
        shape = (len(self), *self.size, planes)
        if planes == 0:  # nothing lies in the file, and nothing cannot be mapped
            return np.empty(shape, np.uint8)
        if mapped:
            return np.memmap(self.path, np.uint8, "c", self.offsets[name], shape)  # torch has no read-only tensors
        count = int(np.prod(shape))
        return np.fromfile(self.path, np.uint8, count, offset=self.offsets[name]).reshape(shape)


def open_store(path: str | Path, size: Sequence[int] | None = None, fit: str | None = None) -> Store:
    """Open a store that `prepare` made.

    Args:
        path: of the file.
        size, fit: what the images must be like; None: as they are.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no store, cut short, of another version, or of another size or fit than asked for.
    """
    store = _open(Path(path))
    wanted = list(size or store.size), fit or store.fit
    if wanted != (list(store.size), store.fit):
        raise ValueError(
            f"{path} is of data.size={list(store.size)} and data.fit={store.fit}, "
            f"but data.size={wanted[0]} and data.fit={wanted[1]} are asked for: name the store's own"
        )
    return store


def describe_store(path: Path) -> str:
    """Return two lines that say what a store holds."""
    store = open_store(path)
    masks, labels = (", ".join(names) or "none" for names in (store.mask_names, store.label_names))
    return (
        f"{path}: {len(store)} images of {store.size[0]} x {store.size[1]} px, fingerprint {store.fingerprint[:12]}\n"
        f"  masks: {masks}; labels: {labels}"
    )


def _open(path: Path) -> Store:
    if not path.is_file():
        raise FileNotFoundError(f"no store {path}: make it with `python prepare.py data=...`")
    remake = "make it again with `python prepare.py data=...`"
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise ValueError(f"{path} is an HDF5 file but no store: give a file made by prepare.py")
            if file.attrs["version"] != VERSION:
                raise ValueError(f"{path} is a store of version {file.attrs['version']}, not {VERSION}: {remake}")
            return _read(path, file)
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} is no whole store ({error}): {remake}") from error


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
    )
