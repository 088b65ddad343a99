"""Padding: the content of a stored image beyond the border of its original, where it was stored with fit=pad.

In the store this part is black, and unknown in the masks. One table per image maps it to the rows and columns that
continue the image, so that one gather fills a batch.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PADDINGS = ("constant", "border", "reflection")
Indices = NDArray[np.int64]


class VisiblePart(NamedTuple):
    """First and last stored row and column that show part of the original, each (N, 1)."""

    top: Indices
    bottom: Indices
    left: Indices
    right: Indices


class Padding:
    """Filling of the padded part of the images in batches of a store.

    Args:
        frame: (N, 6), the store's `frame`: original height and width, and the stored box of the original.
        size: height and width of the stored images.
        padding: constant leaves the part black, border repeats the outermost pixels, reflection mirrors about them
            (without repeating them, as cv2.BORDER_REFLECT_101).
        argument: the configuration key of `padding`, for the error message.

    Raises:
        ValueError: the padding is unknown.
    """

    def __init__(self, frame: NDArray[np.int32], size: Sequence[int], padding: str, argument: str) -> None:
        if padding not in PADDINGS:
            raise ValueError(f"{argument} must be one of {list(PADDINGS)}, got {padding!r}")
        part = visible_part(frame, size)
        self.row = torch.from_numpy(_sources(part.top, part.bottom, size[0], padding))  # (N, H)
        self.column = torch.from_numpy(_sources(part.left, part.right, size[1], padding))  # (N, W)
        self.needed = any((table != torch.arange(table.shape[1])).any() for table in (self.row, self.column))

    def fill(self, planes: Tensor, rows: Tensor) -> Tensor:
        """Return the planes (B, C, H, W) of store rows (B,) with the padded part filled."""
        if not self.needed:
            return planes
        row, column = (table[rows].to(planes.device) for table in (self.row, self.column))
        source = row[:, :, None] * planes.shape[3] + column[:, None]  # (B, H, W)
        every = source.flatten(1)[:, None].expand(-1, planes.shape[1], -1)
        return planes.flatten(2).gather(2, every).view_as(planes)


def visible_part(frame: NDArray[np.int32], size: Sequence[int]) -> VisiblePart:
    """Return the part of stored images of this height and width that shows their originals.

    Stored row i shows the original from top + i * height / H to top + (i + 1) * height / H, and columns alike.
    """
    height, width, top, left, box_height, box_width = frame.T[:, :, None].astype(np.int64)
    rows, columns = size
    return VisiblePart(
        top=np.maximum(-top * rows // box_height, 0),
        bottom=np.minimum(-((top - height) * rows // box_height) - 1, rows - 1),
        left=np.maximum(-left * columns // box_width, 0),
        right=np.minimum(-((left - width) * columns // box_width) - 1, columns - 1),
    )


def visible_pixels(frame: NDArray[np.int32], size: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows (N, H) and columns (N, W) of stored images show part of their originals."""
    part, (height, width) = visible_part(frame, size), (np.arange(count) for count in size)
    return (height >= part.top) & (height <= part.bottom), (width >= part.left) & (width <= part.right)


def _sources(first: Indices, last: Indices, count: int, padding: str) -> Indices:
    """Return the source (N, count) of every position on one axis, of which `first` to `last` (N, 1) are visible."""
    position = np.arange(count) + 0 * first
    if padding == "constant":
        return position
    if padding == "border":
        return position.clip(first, last)
    span = last - first
    phase = (position - first) % np.maximum(2 * span, 1)
    return first + np.minimum(phase, 2 * span - phase)
