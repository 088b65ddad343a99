"""Original mask files of a store's images, read at their original size."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.raw.mask_files import Files, read_mask_files
from dermoscopy.data.raw.problems import UnusableFile
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.frame import Frame


class NoOriginals(ValueError):
    """Reason why predictions cannot be compared with the original masks, in one line."""


class Original(NamedTuple):
    """Mask files of one image, None for a mask that is not annotated, and its row of the store's `frame`.

    `grey` holds of each mask whether its grey pixels are allowed, see `dermoscopy.data.raw.decode.read_mask`.
    """

    masks: tuple[Files, ...]
    grey: tuple[bool, ...]
    frame: Frame


def find_originals(
    source: FolderSource | None, ids: Sequence[str], frames: NDArray[np.int32], masks: Sequence[str]
) -> list[Original]:
    """Find the original mask files of images.

    Args:
        source: the raw files.
        ids: the images.
        frames: their rows of the store's `frame`.
        masks: names of the requested masks.

    Raises:
        NoOriginals: some or all files are missing.
    """
    if source is None or source.root is None:
        raise NoOriginals("data.raw names no folder")
    if lacking := [name for name in masks if name not in source.mask_names]:
        raise NoOriginals(f"the source has no masks {', '.join(lacking)}")
    try:
        items = {item.id: item.masks for item in source.listing().items}
    except (OSError, ValueError) as error:
        raise NoOriginals(f"{error}") from error
    if missing := [id for id in ids if id not in items]:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise NoOriginals(f"{missing[0]}{others} not in data.raw={source.root}")
    planes = [source.mask_names.index(name) for name in masks]
    rows = zip(ids, frames.tolist(), strict=True)
    grey = tuple(source.mask_files[name].grey == "allow" for name in masks)
    return [Original(tuple(items[id][plane] for plane in planes), grey, Frame(*frame)) for id, frame in rows]


def read_original(original: Original, exclusive: bool) -> list[NDArray[np.uint8]]:
    """Read the masks of an image, in the store's codes, at its original size.

    Args:
        original: its files; a mask without a file is not annotated.
        exclusive: whether a missing mask makes all masks of the image not annotated.

    Raises:
        NoOriginals: a file has become unusable since the store was made.
    """
    if exclusive and None in original.masks:
        return [_not_annotated(original.frame) for _ in original.masks]
    return [
        _not_annotated(original.frame) if files is None else _read(files, original.frame, grey)
        for files, grey in zip(original.masks, original.grey, strict=True)
    ]


def _not_annotated(frame: Frame) -> NDArray[np.uint8]:
    return np.full(frame[:2], NOT_ANNOTATED, np.uint8)


def _read(files: Sequence[Path], frame: Frame, grey: bool) -> NDArray[np.uint8]:
    height, width = frame[:2]
    try:
        return read_mask_files(files, (height, width), Frame(height, width, 0, 0, height, width), grey)[0]
    except UnusableFile as error:
        raise NoOriginals(f"{error.file}: {error}") from error
