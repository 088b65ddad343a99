"""Batches of the images of a folder; unreadable files are reported together."""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from dermoscopy.data.raw.decode import read_image
from dermoscopy.data.raw.image_file import is_rotated
from dermoscopy.data.raw.problems import UnusableFile, table
from dermoscopy.data.store.frame import Frame
from dermoscopy.machine.threads import in_order
from dermoscopy.predict.folders import ImageFolder

Item = TypeVar("Item")


class DecodedImage(NamedTuple):
    """An image uint8 (H, W, 3) as a store would hold it and its row of `frame`, or why there is none (`fault`)."""

    id: str
    image: NDArray[np.uint8] | None
    frame: Frame | None
    fault: UnusableFile | None
    turned: bool


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
    return in_order(partial(_decode, folder, size=size, fit=fit), list(folder.files), ahead, workers)


def _decode(folder: ImageFolder, id: str, *, size: tuple[int, int], fit: str) -> DecodedImage:
    path = folder.files[id]
    try:
        return DecodedImage(id, *read_image(path, size, fit), None, is_rotated(path))
    except UnusableFile as error:
        return DecodedImage(id, None, None, error, False)


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
    """Yield the images of a folder in batches, in the order of their ids.

    Args:
        folder: the images.
        size, fit: of the images that the network was trained on.
        batch_size: images per batch.
        workers: threads that decode; None: one per core.
        on_error: `stop` yields no batch after an unreadable file, checks all other files, then raises an error with a
            table of all problems; `skip` leaves those images out and adds them to the problems of the folder.
        progress: whether to show a progress bar on a terminal.

    Raises:
        ValueError: a file is unreadable, or no image is left.
    """
    count = len(folder.files)
    with closing(decode(folder, size, fit, ahead=2 * batch_size, workers=workers)) as images:
        for batch in _batches(tracked(images, count, "images", progress), batch_size):
            for entry in batch:
                if entry.fault is not None:
                    folder.leave_out(entry.id, entry.fault.problem, entry.fault.remedy)
            folder.turned.extend(entry.id for entry in batch if entry.turned)
            readable = [entry for entry in batch if entry.fault is None]
            if readable and (on_error == "skip" or not folder.problems):
                yield _stacked(readable)
    if folder.problems and (on_error == "stop" or not folder.files):
        raise ValueError(_summary(folder))


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


def _summary(folder: ImageFolder) -> str:
    """Return the problem of each file, and what to do."""
    remedy = "repair the files, or leave these images out with on_error=skip" if folder.files else "no image is left"
    return f"problems with files in {folder.root}: {len(folder.problems)}; {remedy}\n{table(folder.problems)}"
