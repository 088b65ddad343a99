"""Padding: what fills the part of a stored picture that lies beyond its original, where it was stored with fit=pad.

The store is black there, and unknown in its masks. A table for each picture says which of its own rows and columns
continue it: one gather fills a batch.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PADDINGS = ("constant", "border", "reflection")
Indices = NDArray[np.int64]


class Shown(NamedTuple):
    """First and last stored row and column that show something of the original, each (N, 1)."""

    top: Indices
    bottom: Indices
    left: Indices
    right: Indices


class Padding:
    """Fills what lies beyond the original in batches of a store.

    Args:
        frame: (N, 6), of the store: original height and width, and the box of the original that is shown.
        size: height and width of the pictures.
        padding: constant leaves the black, border repeats the outermost pixels, reflection mirrors about them (without
            repeating them, as cv2.BORDER_REFLECT_101).
        argument: the name of `padding` where it was given, for the error.

    Raises:
        ValueError: an unknown padding.
    """

    def __init__(self, frame: NDArray[np.int32], size: Sequence[int], padding: str, argument: str) -> None:
        if padding not in PADDINGS:
            raise ValueError(f"{argument} must be one of {list(PADDINGS)}, got {padding!r}")
        shown = shown_part(frame, size)
        self.row = torch.from_numpy(_sources(shown.top, shown.bottom, size[0], padding))  # (N, H)
        self.column = torch.from_numpy(_sources(shown.left, shown.right, size[1], padding))  # (N, W)
        self.needed = any((table != torch.arange(table.shape[1])).any() for table in (self.row, self.column))

    def fill(self, planes: Tensor, rows: Tensor) -> Tensor:
        """Return planes (B, C, H, W) of store rows (B,), filled."""
        if not self.needed:
            return planes
        row, column = (table[rows].to(planes.device) for table in (self.row, self.column))
        source = row[:, :, None] * planes.shape[3] + column[:, None]  # (B, H, W)
        every = source.flatten(1)[:, None].expand(-1, planes.shape[1], -1)
        return planes.flatten(2).gather(2, every).view_as(planes)


def shown_part(frame: NDArray[np.int32], size: Sequence[int]) -> Shown:
    """Return which part of pictures of this height and width shows something of their originals.

    Stored row i shows the original from top + i * height / H to top + (i + 1) * height / H, and columns alike.
    """
    height, width, top, left, box_height, box_width = frame.T[:, :, None].astype(np.int64)
    rows, columns = size
    return Shown(
        top=np.maximum(-top * rows // box_height, 0),
        bottom=np.minimum(-((top - height) * rows // box_height) - 1, rows - 1),
        left=np.maximum(-left * columns // box_width, 0),
        right=np.minimum(-((left - width) * columns // box_width) - 1, columns - 1),
    )


def shown_pixels(frame: NDArray[np.int32], size: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows (N, H) and columns (N, W) of pictures show something of their originals."""
    shown, (height, width) = shown_part(frame, size), (np.arange(count) for count in size)
    return (height >= shown.top) & (height <= shown.bottom), (width >= shown.left) & (width <= shown.right)


def _sources(first: Indices, last: Indices, count: int, padding: str) -> Indices:
    """Source (N, count) of every stored position on one axis, of which `first` to `last` (N, 1) are shown."""
    position = np.arange(count) + 0 * first
    if padding == "constant":
        return position
    if padding == "border":
        return position.clip(first, last)
    span = last - first
    there_and_back = (position - first) % np.maximum(2 * span, 1)
    return first + np.minimum(there_and_back, 2 * span - there_and_back)
