"""Image files of a folder, decoded by threads a little ahead of whoever reads them."""

from collections import defaultdict
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.decode import read_image
from dermoscopy.data.frame import Frame
from dermoscopy.data.problems import Problem, UnusableFile
from dermoscopy.data.sources import SUFFIXES
from dermoscopy.parallel import in_order


class ImageFolder(NamedTuple):
    """Image files below a folder by id, the path relative to it without suffix; and what is wrong with others."""

    root: Path
    files: dict[str, Path]
    problems: list[Problem]


class Decoded(NamedTuple):
    """An image uint8 (H, W, 3) as a store would hold it, where it lies in it, or what is wrong with its file."""

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
) -> Generator[Decoded, None, None]:
    """Decode and fit the images as prepare does, in their order; at most ``ahead`` of them wait in memory.

    Args:
        folder: the images.
        size, fit: of the images that the network learnt from.
        ahead: images decoded before they are asked for.
        workers: threads; None: one a core.
    """
    return in_order(partial(_decode, folder, size=size, fit=fit), folder.files, ahead, workers)


def _decode(folder: ImageFolder, id: str, *, size: tuple[int, int], fit: str) -> Decoded:
    path = folder.files[id]
    try:
        return Decoded(id, *read_image(path, size, fit), None)
    except UnusableFile as error:
        return Decoded(id, None, None, Problem(str(path.relative_to(folder.root)), error.problem, error.remedy))
