"""Zeroing of masks: random cells become unknown (0) in the network's input."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def over_pixels(cells: Tensor, height: int, width: int) -> Tensor:
    """Expand cells (..., rows, columns) to pixels (..., height, width).

    On a side that the grid does not divide, cells differ in size by one pixel.
    """
    rows, columns = cells.shape[-2:]
    row = torch.arange(height, device=cells.device) * rows // height
    column = torch.arange(width, device=cells.device) * columns // width
    return cells[..., row[:, None], column]


def check_grid(grid: str, rows: int, columns: int, height: int, width: int) -> None:
    """Raise ValueError, naming the grid, if a grid has more cells per side than the image has pixels."""
    if rows > height or columns > width:
        raise ValueError(
            f"{grid} {rows} x {columns} is finer than the image of {height} x {width} px: take fewer cells, or raise "
            "data.size"
        )


class Zeroing(nn.Module):
    """Random replacement of masks by "unknown", cell by cell.

    Each cell of a grid is erased independently with probability `p`; a grid of one cell erases the whole mask.
    The expected erased area is `p` for every grid, only its spatial correlation differs.

    Args:
        p: probability that a cell is erased; 0 always keeps the masks, 1 always erases them.
        grid: cells per side, or (rows, columns). 16, 8, 4 are cells of 14, 28, 56 px at 224 px. On a side that the grid
            does not divide, cells differ in size by one pixel.
        per_channel: erase every mask channel independently instead of jointly.

    Raises:
        ValueError: `p` is outside [0, 1], or the grid has no cells or (in use) is finer than the mask.
    """

    def __init__(self, p: float, grid: int | Sequence[int], per_channel: bool) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {p}")
        self.rows, self.columns = (grid, grid) if isinstance(grid, int) else grid
        if min(self.rows, self.columns) < 1:
            raise ValueError(f"grid must be at least 1 cell per side, got {grid}")
        self.p = p
        self.per_channel = per_channel

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if self.p == 0:
            return mask
        if self.p == 1:
            return torch.zeros_like(mask)
        batch, channels, height, width = mask.shape
        self.check(height, width)
        drawn = (batch, channels if self.per_channel else 1, self.rows, self.columns)
        kept = torch.rand(drawn, generator=generator, device=mask.device) >= self.p
        return mask * over_pixels(kept, height, width)

    def check(self, height: int, width: int) -> None:
        """Raise ValueError if a mask of this size (pixels) has fewer rows or columns than the grid."""
        check_grid("the grid of zeroing", self.rows, self.columns, height, width)

    def extra_repr(self) -> str:
        return f"p={self.p}, grid=({self.rows}, {self.columns}), per_channel={self.per_channel}"
