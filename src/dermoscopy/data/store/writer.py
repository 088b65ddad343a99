"""Writing of a store that is either complete or absent."""

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.store.frame import Frame
from dermoscopy.data.store.metadata import write_metadata
from dermoscopy.data.store.reader import FORMAT, OFFICIAL, VERSION
from dermoscopy.machine.files import PART, check_room, writing

BLOCK = 256  # rows copied at a time
TABLES = 1 << 20  # bytes; ids, labels and frames take far less


class Row(NamedTuple):
    """One row of a store: image (H, W, 3), masks (H, W, K), L labels, its names and frame, texts of its metadata.

    `official` is its subset in the official split of the data set, "" for none.
    """

    id: str
    group: str
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    label: Sequence[int]
    frame: Frame
    metadata: tuple[str, ...] = ()
    official: str = ""


class Layout(NamedTuple):
    """Properties shared by all rows of a store."""

    size: tuple[int, int]
    fit: str
    mask_names: tuple[str, ...]
    label_names: tuple[str, ...]
    source: str
    recipe: str
    metadata: tuple[str, ...] = ()
    official: bool = False

    def nbytes(self, count: int) -> int:
        """Bytes of the images and masks of `count` rows."""
        return count * self.size[0] * self.size[1] * (3 + len(self.mask_names))


class StoreWriter:
    """Writer of a store row by row: pixels go to the file at once, the tables at the end.

    Attributes:
        notes: lines about the images, which are no part of the fingerprint.
    """

    def __init__(self, file: h5py.File, layout: Layout, capacity: int) -> None:
        self.layout = layout
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self.digest = hashlib.sha256(repr((layout.size, layout.fit, layout.mask_names, layout.label_names)).encode())
        if layout.metadata:
            self.digest.update(repr(layout.metadata).encode())
        self.image = _contiguous(file, "image", (capacity, *layout.size, 3))
        self.mask = _contiguous(file, "mask", (capacity, *layout.size, len(layout.mask_names)))

    def append(self, row: Row) -> None:
        """Write the next row and add it to the fingerprint."""
        index = len(self.rows)
        self.image[index] = row.image
        if self.layout.mask_names:
            self.mask[index] = row.mask
        own = row.id, row.group, tuple(row.label), tuple(row.frame)
        # Stores of earlier versions hold neither metadata nor an official split, and keep their fingerprint.
        more = (row.metadata, row.official) if self.layout.metadata or self.layout.official else ()
        self.digest.update(repr((*own, *more)).encode())
        self.digest.update(row.image.tobytes())
        self.digest.update(row.mask.tobytes())
        self.rows.append(row._replace(image=row.image[:0], mask=row.mask[:0]))

    def finish(self, file: h5py.File) -> None:
        """Write tables and attributes to the final file."""
        count = len(self.rows)
        text = h5py.string_dtype()
        file.create_dataset("id", data=[row.id for row in self.rows], dtype=text)
        file.create_dataset("group", data=[row.group for row in self.rows], dtype=text)
        labels = np.array([row.label for row in self.rows], np.int8).reshape(count, len(self.layout.label_names))
        file.create_dataset("label", data=labels)
        file.create_dataset("frame", data=np.array([row.frame for row in self.rows], np.int32))
        write_metadata(file, self.layout.metadata, [row.metadata for row in self.rows])
        if self.layout.official:
            file.create_dataset(OFFICIAL, data=[row.official for row in self.rows], dtype=text)
        file["mask"].attrs.create("names", list(self.layout.mask_names), dtype=text)
        file["label"].attrs.create("names", list(self.layout.label_names), dtype=text)
        file.attrs.create("notes", self.notes, dtype=text)
        values = {"size": self.layout.size, "fit": self.layout.fit, "source": self.layout.source}
        marks = {"recipe": self.layout.recipe, "fingerprint": self.digest.hexdigest()}
        file.attrs.update({**values, **marks, "format": FORMAT, "version": VERSION})


@contextmanager
def new_store(path: Path, layout: Layout, capacity: int) -> Iterator[StoreWriter]:
    """Yield a writer for at most `capacity` rows; the store appears at `path` when the block ends without an error.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with writing(path), _replacing(path) as part:
        check_room(path, layout.nbytes(capacity))
        _reserve(part, layout.nbytes(capacity))
        with h5py.File(part, "w") as file:
            writer = StoreWriter(file, layout, capacity)
            file.flush()
            pixels = part.stat().st_size
            _reserve(part, layout.nbytes(capacity))  # once more, because HDF5 truncated the file when opening it
            yield writer
            os.truncate(part, pixels)  # frees the space reserved for the tables
            if len(writer.rows) == capacity:
                writer.finish(file)
        if len(writer.rows) < capacity:
            _shorten(part, writer)


def remove_stale(path: Path) -> None:
    """Remove the files that killed runs left beside `path`; HDF5 keeps the file of an active run locked."""
    for part in path.parent.glob(f".{path.name}.*{PART}"):
        try:
            h5py.File(part, "r").close()
        except BlockingIOError:
            continue
        except OSError:
            pass  # not even a complete HDF5 file: stale as well
        part.unlink(missing_ok=True)


def _shorten(part: Path, writer: StoreWriter) -> None:
    """Copy the written rows to a file of exactly that many rows, since a contiguous dataset cannot shrink."""
    with _replacing(part) as short, h5py.File(part, "r") as old:
        _reserve(short, writer.layout.nbytes(len(writer.rows)))
        _copy(old, short, writer)


def _copy(old: h5py.File, short: Path, writer: StoreWriter) -> None:
    count = len(writer.rows)
    with h5py.File(short, "w") as new:
        for name in ("image", "mask"):
            target = _contiguous(new, name, (count, *old[name].shape[1:]))
            for start in range(0, count if target.size else 0, BLOCK):
                stop = min(start + BLOCK, count)
                target[start:stop] = old[name][start:stop]
        writer.finish(new)


def _reserve(part: Path, pixels: int) -> None:
    """Reserve space for `pixels` bytes and the tables where the system can: HDF5 does not survive a full disk."""
    if sys.platform == "linux":
        with part.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, pixels + TABLES)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block succeeds and is removed when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = mkstemp(prefix=f".{path.name.lstrip('.')}.", suffix=PART, dir=path.parent)
    os.fchmod(number, 0o666 & ~_umask())
    os.close(number)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _contiguous(file: h5py.File, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """Create a dataset whose bytes are contiguous, at a known offset from the start, and not written twice."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_UINT8, space, properties))
