"""Preparation of a store from raw files."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from rich.progress import track

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.raw.decode import read_image
from dermoscopy.data.raw.image_file import is_rotated
from dermoscopy.data.raw.listing import Item, Listing
from dermoscopy.data.raw.mask_files import read_mask_files
from dermoscopy.data.raw.problems import Problem, UnusableFile, table
from dermoscopy.data.raw.remarks import Remarks
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.frame import Frame, checked_size, place
from dermoscopy.data.store.reader import VERSION, could_be_store
from dermoscopy.data.store.writer import Layout, Row, new_store, remove_stale
from dermoscopy.machine.threads import in_order

AHEAD = 64  # decoded images that may wait for the disk


def prepare(
    source: FolderSource,
    store: str | Path,
    size: Sequence[int],
    fit: str = "pad",
    on_error: str = "stop",
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Decode every file of a source in parallel and write the store, unless it exists and nothing has changed.

    Args:
        source: the raw files.
        store: the HDF5 file to make.
        size: height and width of the stored images.
        fit: `pad`, `crop` or `stretch`, see `dermoscopy.data.store.frame`.
        on_error: `stop` checks all files, then raises one table of all problems; `skip` leaves those images out.
        workers: threads; None: one per core. Decoding and resizing release Python's lock, so threads use all cores.
        progress: whether to show a progress bar.

    Returns:
        The path of the store.

    Raises:
        ValueError: an argument or a file is wrong, or `store` is another file; nothing is written, and an older store
            is kept.
        OSError: the disk is full or the folder cannot be written.
    """
    path, size = Path(store), checked_size(size)
    place((1, 1), size, fit)  # raises for an unknown fit before any file is read
    check_on_error(on_error)
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1 or null, got {workers}")
    listing = source.listing()
    _check_place(path)
    recipe = _recipe(source, listing, size, fit, on_error)
    if recipe == (made := _made(path)).recipe:
        print(_indented([f"{path} is up to date", *listing.notes, *made.notes]))
        return path
    names = source.mask_names, listing.label_names
    layout = Layout(size, fit, *names, source.settings(), recipe, listing.metadata, source.official is not None)
    notes = _write(source, listing, path, layout, on_error, workers, progress)
    if listing.notes or notes:
        print(_indented([f"{path} is written", *listing.notes, *notes]))
    return path


def check_on_error(on_error: str) -> None:
    """Refuse a value that `prepare` does not know.

    Raises:
        ValueError: it is none of those.
    """
    if on_error not in ("stop", "skip"):
        raise ValueError(f"on_error must be stop or skip, got {on_error}")


def _write(
    source: FolderSource,
    listing: Listing,
    path: Path,
    layout: Layout,
    on_error: str,
    workers: int | None,
    progress: bool,
) -> list[str]:
    """Write the store; return remarks about its images, and the images left out."""
    problems, remarks = list(listing.problems), Remarks(layout.mask_names)
    remove_stale(path)
    decode = partial(_decode, source=source, layout=layout)
    with (
        closing(in_order(decode, listing.items, AHEAD, workers)) as rows,
        new_store(path, layout, len(listing.items)) as writer,
    ):
        for decoded in track(rows, "images", len(listing.items), disable=not progress):
            problems += decoded.problems
            if decoded.row is not None and (on_error == "skip" or not problems):
                writer.append(decoded.row)
                remarks.add(decoded.row.id, decoded.row.mask, decoded.present, decoded.rotated)
        whole = len(listing.items) + len({problem.file for problem in listing.problems})
        faults = "\n".join([table(problems), *listing.notes])
        if problems and on_error == "stop":
            remedy = "correct them, or leave these images out with data.on_error=skip"
            raise ValueError(f"{_count(problems)} in {source.root}: {remedy}\n{faults}")
        if not writer.rows:
            raise ValueError(f"{_count(problems)} in {source.root}, no image is left\n{faults}")
        writer.notes = remarks.lines()
        if problems:
            left_out = f"{whole - len(writer.rows)} of {whole} images are left out, {_count(problems)}"
            writer.notes.append(f"{left_out}:\n{table(problems)}")
    return writer.notes


class Decoded(NamedTuple):
    """One image with its masks as a row of the store, or None, and all problems of its files.

    `present` holds per mask whether any pixel of the original is present, None without a mask.
    """

    row: Row | None
    problems: list[Problem]
    present: list[bool | None]
    rotated: bool


def _decode(item: Item, source: FolderSource, layout: Layout) -> Decoded:
    problems = []
    frame: Frame | None = None
    image = np.zeros((*layout.size, 3), np.uint8)
    mask = np.full((*layout.size, len(item.masks)), NOT_ANNOTATED, np.uint8)
    label = list(item.labels)
    present: list[bool | None] = [None] * len(item.masks)
    try:
        image, frame = read_image(item.image, layout.size, layout.fit)
    except UnusableFile as error:
        problems.append(_problem(source, item.image, error))
    for plane, (name, files) in enumerate(zip(layout.mask_names, item.masks, strict=True)):
        if files is None:
            continue
        grey = source.mask_files[name].grey == "allow"
        try:
            mask[..., plane], present[plane] = read_mask_files(files, layout.size, frame, grey)
        except UnusableFile as error:
            problems.append(_problem(source, error.file or files[0], error))
            continue
        if name in source.from_masks:
            label[layout.label_names.index(name)] = int(bool(present[plane]))
    if problems or frame is None:
        return Decoded(None, problems, present, False)
    row = Row(item.id, item.group, image, mask, label, frame, item.metadata, item.official)
    return Decoded(row, problems, present, is_rotated(item.image))


def _problem(source: FolderSource, path: Path, error: UnusableFile) -> Problem:
    return Problem(str(path.relative_to(str(source.root))), error.problem, error.remedy)


def _recipe(source: FolderSource, listing: Listing, size: tuple[int, int], fit: str, on_error: str) -> str:
    """Return the hash of everything that determines the store: of a table, the labels and groups as they are read."""
    settings = json.loads(source.settings())
    root = Path(settings.pop("root"))
    digest = hashlib.sha256(json.dumps([VERSION, size, fit, on_error, settings]).encode())
    digest.update(repr([(item.id, item.group, item.labels) for item in listing.items]).encode())
    if listing.metadata or source.official:
        digest.update(repr([(item.metadata, item.official) for item in listing.items]).encode())
    for path in listing.files:
        state = path.stat() if path.exists() else None  # a link may point nowhere
        stamp = (state.st_size, state.st_mtime_ns) if state else None
        digest.update(repr((str(path.relative_to(root)), stamp)).encode())
    return digest.hexdigest()


class Made(NamedTuple):
    """What a store was made from, and the remarks about its images; None and none where it is absent or incomplete."""

    recipe: str | None = None
    notes: Sequence[str] = ()


def _made(path: Path) -> Made:
    try:
        with h5py.File(path, "r") as file:
            return Made(str(file.attrs.get("recipe")), [str(note) for note in file.attrs.get("notes", ())])
    except OSError:
        return Made()


def _check_place(path: Path) -> None:
    """Refuse to replace a file that is no store."""
    if path.is_dir():
        raise ValueError(f"data.store must be a file, but {path} is a folder: add a name, such as {path / 'mine.h5'}")
    if path.is_file() and not could_be_store(path):
        raise ValueError(f"data.store={path} would replace a file that is no store: give another, data.store=FILE")


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(lines).replace("\n", "\n  ")


def _count(problems: Sequence[Problem]) -> str:
    return f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
