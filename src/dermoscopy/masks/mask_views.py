"""Several views of an image at once, which differ in what is shown of its masks: for losses that compare them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dermoscopy.masks.zeroing import Zeroing, check_grid, over_pixels


class ZeroedViews(nn.Module):
    """Views whose masks are zeroed, each from the original masks and independently of the other views.

    For every view of every image a grid and a probability are drawn; then each cell of that grid is erased with that
    probability, in all masks together.

    Args:
        views: how many.
        whole: probability that a view's grid is one cell, which erases all or nothing.
        grids: cells a side; else one of these, each as likely.
        p: probabilities that a cell is erased, each as likely.

    Raises:
        ValueError: fewer than 2 views, whole or a p outside [0, 1], no p, no grid, one without cells, or (in use) one
            finer than the masks.
    """

    p: Tensor

    def __init__(self, views: int, whole: float, grids: Sequence[int], p: Sequence[float]) -> None:
        super().__init__()
        if views < 2:
            raise ValueError(f"views must be at least 2, got {views}: one view is what zeroing gives")
        if not 0 <= whole <= 1:
            raise ValueError(f"whole must lie in [0, 1], got {whole}")
        if not grids or min(grids) < 1:
            raise ValueError(f"grids must list at least one grid of at least 1 cell a side, got {list(grids)}")
        if not p or not all(0 <= each <= 1 for each in p):
            raise ValueError(f"p must list at least one probability in [0, 1], got {list(p)}")
        self.views, self.whole, self.grids = views, whole, tuple(grids)
        self.register_buffer("p", torch.tensor([float(each) for each in p]), persistent=False)

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        height, width = mask.shape[2:]
        self.check(height, width)
        drawn = (self.views, len(mask), 1, 1, 1)
        grid = torch.randint(len(self.grids), drawn, generator=generator, device=mask.device)
        whole = torch.rand(drawn, generator=generator, device=mask.device) < self.whole
        p = self.p[torch.randint(len(self.p), drawn, generator=generator, device=mask.device)]
        kept = torch.rand(drawn, generator=generator, device=mask.device) >= p  # of the views zeroed whole
        for i, side in enumerate(self.grids):
            cells = torch.rand((*drawn[:3], side, side), generator=generator, device=mask.device) >= p
            kept = torch.where(~whole & (grid == i), over_pixels(cells, height, width), kept)
        return mask * kept  # (V, B, K, H, W)

    def check(self, height: int, width: int) -> None:
        """Raise ValueError if masks of this size (pixels) have fewer rows or columns than a grid."""
        for side in self.grids:
            check_grid("a grid of the mask views", side, side, height, width)

    def extra_repr(self) -> str:
        return f"views={self.views}, whole={self.whole}, grids={self.grids}, p={self.p.tolist()}"


class Pair(nn.Module):
    """Two views of an image: first with its masks, then without any.

    Args:
        zeroing: applied to the masks of the first view; None shows them whole.
    """

    def __init__(self, zeroing: Zeroing | None) -> None:
        super().__init__()
        self.zeroing = zeroing

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        shown = mask if self.zeroing is None else self.zeroing(mask, generator)
        return torch.stack([shown, torch.zeros_like(mask)])  # (2, B, K, H, W)

    def check(self, height: int, width: int) -> None:
        """Raise ValueError if masks of this size (pixels) have fewer rows or columns than the grid of the zeroing."""
        if self.zeroing is not None and 0 < self.zeroing.p < 1:
            self.zeroing.check(height, width)
