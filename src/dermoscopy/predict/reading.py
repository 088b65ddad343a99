"""Images of a folder in batches; files that cannot be read are reported together."""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from dermoscopy.data.problems import Problem, table
from dermoscopy.predict.folder import Decoded, ImageFolder, decode

Item = TypeVar("Item")


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
        size, fit: of the images that the network learnt from.
        batch_size: images a batch.
        workers: threads that decode; None: one a core.
        on_error: `stop` gives no batch after a file that cannot be read, checks all the others, then raises one table
            of all problems; `skip` leaves those images out, and prints that table.
        progress: whether to show a progress bar, if a person is looking.

    Raises:
        ValueError: an argument is wrong; later, a file is, or no image is left.
    """
    if on_error not in ("stop", "skip"):
        raise ValueError(f"on_error must be stop or skip, got {on_error}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    images = decode(folder, size, fit, ahead=2 * batch_size, workers=workers)
    return _read(folder, images, batch_size, on_error, progress)


def _read(
    folder: ImageFolder, images: Generator[Decoded, None, None], batch_size: int, on_error: str, progress: bool
) -> Generator[ImageBatch, None, None]:
    problems, left = list(folder.problems), 0
    with closing(images):
        for batch in _batches(tracked(images, len(folder.files), "images", progress), batch_size):
            problems += [entry.problem for entry in batch if entry.problem is not None]
            read = [entry for entry in batch if entry.problem is None]
            if read and (on_error == "skip" or not problems):
                left += len(read)
                yield _stacked(read)
    _report(problems, folder.root, on_error, left)


def tracked(items: Iterable[Item], count: int, what: str, progress: bool = True) -> Iterator[Item]:
    """Show how many are done, if a person is looking."""
    looking = progress and sys.stderr.isatty()
    return iter(track(items, what, count, console=Console(stderr=True), disable=not looking))


def _batches(images: Iterator[Decoded], size: int) -> Iterator[list[Decoded]]:
    while batch := list(islice(images, size)):
        yield batch


def _stacked(read: Sequence[Decoded]) -> ImageBatch:
    image = torch.from_numpy(np.stack([entry.image for entry in read if entry.image is not None]))
    frame = np.array([entry.frame for entry in read], np.int32)
    return ImageBatch([entry.id for entry in read], image.permute(0, 3, 1, 2).contiguous(), frame)


def _report(problems: Sequence[Problem], root: Path, on_error: str, left: int) -> None:
    """Say what is wrong with which file, and stop if that was asked for or no image is left."""
    if not problems:
        return
    found = f"problems with files in {root}: {len(problems)}"
    if on_error == "stop":
        raise ValueError(f"{found}; mend them, or leave these images out with on_error=skip\n{table(problems)}")
    if not left:
        raise ValueError(f"{found}; no image is left\n{table(problems)}")
    print(f"{found}; these images are left out\n{table(problems)}")
