"""Negatives: how many images without any of the masks stand beside those with one."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ALL, NONE = "real", "none"


@dataclass(frozen=True)
class Choice:
    """The rows of an epoch: those always in it, and how many of a pool are drawn to them."""

    always: Tensor
    pool: Tensor
    drawn: int

    def __len__(self) -> int:
        return len(self.always) + self.drawn

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return the rows of one epoch, the positives first."""
        chosen = torch.randperm(len(self.pool), generator=generator)[: self.drawn]
        return torch.cat([self.always, self.pool[chosen]])


def everything(rows: Tensor) -> Choice:
    """Return the choice of all rows."""
    return Choice(rows, rows[:0], 0)


def choose(rows: Tensor, positive: Tensor, share: float) -> Choice:
    """Return the choice of all positives, and of `share` times as many negatives or all there are.

    Args:
        rows: of one subset.
        positive: of each of these rows, bool.
        share: negatives a positive.
    """
    always, pool = rows[positive], rows[~positive]
    return Choice(always, pool, min(round(share * len(always)), len(pool)))


def checked_negatives(negatives: str | float | None, argument: str) -> float | None:
    """Return how many negatives a positive are asked for, None for all images as they are.

    Raises:
        ValueError: neither null, real, none nor a number of at least 0.
    """
    if negatives in (None, ALL):
        return None
    if negatives == NONE:
        return 0.0
    if isinstance(negatives, bool | str) or not 0 <= negatives < math.inf:
        raise ValueError(
            f"{argument} must be null or real (all images), none (only images with a mask present) or a number of "
            f"negatives a positive, got {negatives!r}"
        )
    return float(negatives)
