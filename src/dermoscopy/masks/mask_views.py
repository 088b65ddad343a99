"""Mask views: several copies of an image with different parts of its masks visible, for losses that compare them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dermoscopy.masks.zeroing import MixedZeroing, Zeroing, check_grid, check_grids, draw_cells


class ZeroedViews(nn.Module):
    """Views with zeroed masks, each made from the original masks and independently of the other views.

    A grid and a probability are drawn per view and image; then each cell of that grid is erased with that probability,
    jointly in all masks.

    Args:
        views: number of views.
        whole: probability that a view's grid is a single cell, which erases all or nothing.
        grids: cells per side; otherwise one of these, with equal probability.
        p: probabilities that a cell is erased, drawn with equal probability.

    Raises:
        ValueError: there are fewer than 2 views, `whole` or a `p` is outside [0, 1], `p` or `grids` is empty, or a grid
            has no cells or (in use) is finer than the masks.
    """

    p: Tensor

    def __init__(self, views: int, whole: float, grids: Sequence[int], p: Sequence[float]) -> None:
        super().__init__()
        if views < 2:
            raise ValueError(f"views must be at least 2, got {views}: for one view use zeroing")
        if not 0 <= whole <= 1:
            raise ValueError(f"whole must lie in [0, 1], got {whole}")
        check_grids(grids)
        if not p or not all(0 <= value <= 1 for value in p):
            raise ValueError(f"p must list at least one probability in [0, 1], got {list(p)}")
        self.views, self.whole, self.grids = views, whole, tuple(grids)
        self.register_buffer("p", torch.tensor([float(value) for value in p]), persistent=False)

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        height, width = mask.shape[2:]
        self.check(height, width)
        drawn = (self.views, len(mask), 1, 1, 1)
        whole = torch.rand(drawn, generator=generator, device=mask.device) < self.whole
        p = self.p[torch.randint(len(self.p), drawn, generator=generator, device=mask.device)]
        single = torch.rand(drawn, generator=generator, device=mask.device) >= p  # of the views with a single cell
        cells = draw_cells(p, self.grids, height, width, generator)
        return mask * torch.where(whole, single, cells)  # (V, B, K, H, W)

    def check(self, height: int, width: int) -> None:
        """Raise ValueError if masks of this size (pixels) have fewer rows or columns than a grid."""
        for size in self.grids:
            check_grid("a grid of the mask views", size, size, height, width)

    def extra_repr(self) -> str:
        return f"views={self.views}, whole={self.whole}, grids={self.grids}, p={self.p.tolist()}"


class Pair(nn.Module):
    """Pair of views of an image: one with its masks, one without.

    Args:
        zeroing: zeroing of the masks of the first view; None leaves them whole.
    """

    def __init__(self, zeroing: Zeroing | MixedZeroing | None) -> None:
        super().__init__()
        self.zeroing = zeroing

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        first = mask if self.zeroing is None else self.zeroing(mask, generator)
        return torch.stack([first, torch.zeros_like(mask)])  # (2, B, K, H, W)

    def check(self, height: int, width: int) -> None:
        """Raise ValueError if masks of this size (pixels) have fewer rows or columns than the grid of the zeroing."""
        if self.zeroing is not None:
            self.zeroing.check(height, width)
