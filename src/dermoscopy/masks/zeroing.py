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


def check_grids(grids: Sequence[int]) -> None:
    """Raise ValueError if there is no grid, or one without cells."""
    if not grids or min(grids) < 1:
        raise ValueError(f"grids must list at least one grid of at least 1 cell per side, got {list(grids)}")


def draw_cells(p: Tensor, grids: Sequence[int], height: int, width: int, generator: torch.Generator | None) -> Tensor:
    """Return which pixels are kept, bool (..., 1, H, W): of a grid drawn per image, each cell is erased with p.

    Args:
        p: (..., 1, 1, 1), probability that a cell is erased, per image or view.
        grids: cells per side; one of these is drawn per image or view, with equal probability.
        height, width: of the masks, pixels.
        generator: of all draws.
    """
    drawn = torch.randint(len(grids), p.shape, generator=generator, device=p.device)
    kept = torch.zeros(1, dtype=torch.bool, device=p.device)
    for i, size in enumerate(grids):
        cells = torch.rand((*p.shape[:-2], size, size), generator=generator, device=p.device) >= p
        kept = torch.where(drawn == i, over_pixels(cells, height, width), kept)
    return kept


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
        """Raise ValueError if a mask of this size (pixels) has fewer rows or columns than the grid in use."""
        if 0 < self.p < 1:
            check_grid("the grid of zeroing", self.rows, self.columns, height, width)

    def extra_repr(self) -> str:
        return f"p={self.p}, grid=({self.rows}, {self.columns}), per_channel={self.per_channel}"


class MixedZeroing(nn.Module):
    """Replacement of all masks of an image by "unknown", or of cells that leave any share of them.

    With probability `p` all masks of an image are erased, as at a test without masks. Of the other images each cell is
    erased with a probability that is drawn per image from [0, 1], on a grid that is drawn per image, jointly in all
    masks. Cells alone hardly ever practise a test without masks: 64 cells, each erased with probability .8, are erased
    together with probability 6e-7.

    Args:
        p: probability that all masks are erased; 1 always erases them.
        grids: cells per side of the grids to draw from, with equal probability.

    Raises:
        ValueError: `p` is outside [0, 1], `grids` is empty, or a grid has no cells or (in use) is finer than the masks.
    """

    def __init__(self, p: float, grids: Sequence[int]) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {p}")
        check_grids(grids)
        self.p, self.grids = p, tuple(grids)

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if self.p == 1:
            return torch.zeros_like(mask)
        height, width = mask.shape[2:]
        self.check(height, width)
        drawn = (len(mask), 1, 1, 1)
        whole = torch.rand(drawn, generator=generator, device=mask.device) < self.p
        p = torch.rand(drawn, generator=generator, device=mask.device)
        return mask * (draw_cells(p, self.grids, height, width, generator) & ~whole)

    def check(self, height: int, width: int) -> None:
        """Raise ValueError if masks of this size (pixels) have fewer rows or columns than a grid in use."""
        for size in self.grids if self.p < 1 else ():
            check_grid("a grid of zeroing", size, size, height, width)

    def extra_repr(self) -> str:
        return f"p={self.p}, grids={self.grids}"
