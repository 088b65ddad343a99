"""Batches of the images of a folder; unreadable files are reported together."""

import sys
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from dermoscopy.data.raw.decode import read_image
from dermoscopy.data.raw.patterns import SUFFIXES
from dermoscopy.data.raw.problems import Problem, UnusableFile, table
from dermoscopy.data.store.frame import Frame
from dermoscopy.machine.threads import in_order

Item = TypeVar("Item")


class ImageFolder(NamedTuple):
    """Image files below a folder by id (the relative path without suffix), and the problems of other files."""

    root: Path
    files: dict[str, Path]
    problems: list[Problem]


class DecodedImage(NamedTuple):
    """An image uint8 (H, W, 3) as a store would hold it and its row of `frame`, or the problem with its file."""

    id: str
    image: NDArray[np.uint8] | None
    frame: Frame | None
    problem: Problem | None


def find_images(path: str | Path) -> ImageFolder:
    """Return the image files below a folder, or the one file given, in the order of their ids.

    Raises:
        FileNotFoundError: there is no such folder or file.
        ValueError: it holds no image file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"images={path} does not exist: give a folder of images or one image")
    root, candidates = (path, path.rglob("*")) if path.is_dir() else (path.parent, [path])
    by_id: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(candidates):
        below = file.relative_to(root)
        if file.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in below.parts):
            by_id[below.with_suffix("").as_posix()].append(file)
    if not by_id:
        raise ValueError(f"images={path} holds no image file; their names end with {', '.join(SUFFIXES)}")
    problems = [
        Problem(str(files[0].relative_to(root)), f"{len(files)} images have the id {id}", "rename all but one")
        for id, files in by_id.items()
        if len(files) > 1
    ]
    return ImageFolder(root, {id: files[0] for id, files in sorted(by_id.items()) if len(files) == 1}, problems)


def decode(
    folder: ImageFolder, size: tuple[int, int], fit: str, ahead: int, workers: int | None = None
) -> Generator[DecodedImage, None, None]:
    """Decode and fit the images as prepare.py does, in their order; at most `ahead` of them wait in memory.

    Args:
        folder: the images.
        size, fit: of the images that the network was trained on.
        ahead: images decoded before they are requested.
        workers: threads; None: one per core.
    """
    return in_order(partial(_decode, folder, size=size, fit=fit), folder.files, ahead, workers)


def _decode(folder: ImageFolder, id: str, *, size: tuple[int, int], fit: str) -> DecodedImage:
    path = folder.files[id]
    try:
        return DecodedImage(id, *read_image(path, size, fit), None)
    except UnusableFile as error:
        return DecodedImage(id, None, None, Problem(str(path.relative_to(folder.root)), error.problem, error.remedy))


class ImageBatch(NamedTuple):
    """Images uint8 (B, 3, H, W) as a store would hold them, with their ids and rows (B, 6) of its `frame`."""

    ids: list[str]
    image: Tensor
    frame: NDArray[np.int32]


def read_batches(
    folder: ImageFolder,
    size: tuple[int, int],
    fit: str,
    batch_size: int,
    workers: int | None = None,
    on_error: str = "stop",
    progress: bool = False,
) -> Generator[ImageBatch, None, None]:
    """Return the images of a folder in batches, in the order of their ids.

    Args:
        folder: the images.
        size, fit: of the images that the network was trained on.
        batch_size: images per batch.
        workers: threads that decode; None: one per core.
        on_error: `stop` yields no batch after an unreadable file, checks all other files, then raises an error with a
            table of all problems; `skip` leaves those images out and prints that table.
        progress: whether to show a progress bar on a terminal.

    Raises:
        ValueError: an argument is wrong; while iterating: a file is unreadable, or no image is left.
    """
    if on_error not in ("stop", "skip"):
        raise ValueError(f"on_error must be stop or skip, got {on_error}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    images = decode(folder, size, fit, ahead=2 * batch_size, workers=workers)
    return _read(folder, images, batch_size, on_error, progress)


def _read(
    folder: ImageFolder, images: Generator[DecodedImage, None, None], batch_size: int, on_error: str, progress: bool
) -> Generator[ImageBatch, None, None]:
    problems, left = list(folder.problems), 0
    with closing(images):
        for batch in _batches(tracked(images, len(folder.files), "images", progress), batch_size):
            problems += [entry.problem for entry in batch if entry.problem is not None]
            readable = [entry for entry in batch if entry.problem is None]
            if readable and (on_error == "skip" or not problems):
                left += len(readable)
                yield _stacked(readable)
    _report(problems, folder.root, on_error, left)


def tracked(items: Iterable[Item], count: int, description: str, progress: bool = True) -> Iterator[Item]:
    """Yield items with a progress bar on a terminal."""
    interactive = progress and sys.stderr.isatty()
    return iter(track(items, description, count, console=Console(stderr=True), disable=not interactive))


def _batches(images: Iterator[DecodedImage], size: int) -> Iterator[list[DecodedImage]]:
    while batch := list(islice(images, size)):
        yield batch


def _stacked(images: Sequence[DecodedImage]) -> ImageBatch:
    image = torch.from_numpy(np.stack([entry.image for entry in images if entry.image is not None]))
    frame = np.array([entry.frame for entry in images], np.int32)
    return ImageBatch([entry.id for entry in images], image.permute(0, 3, 1, 2).contiguous(), frame)


def _report(problems: Sequence[Problem], root: Path, on_error: str, left: int) -> None:
    """Report the problem of each file; raise an error if `on_error` says so or no image is left."""
    if not problems:
        return
    summary = f"problems with files in {root}: {len(problems)}"
    if on_error == "stop":
        raise ValueError(
            f"{summary}; repair the files, or leave these images out with on_error=skip\n{table(problems)}"
        )
    if not left:
        raise ValueError(f"{summary}; no image is left\n{table(problems)}")
    print(f"{summary}; these images are left out\n{table(problems)}")
