"""Negatives: the number of images without any of the masks, relative to those with at least one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ALL, NONE = "real", "none"


@dataclass(frozen=True)
class Choice:
    """The rows of an epoch: those always included, and the number drawn from a pool in addition."""

    always: Tensor
    pool: Tensor
    drawn: int

    def __len__(self) -> int:
        return len(self.always) + self.drawn

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return the rows of one epoch, the positives first."""
        chosen = torch.randperm(len(self.pool), generator=generator)[: self.drawn]
        return torch.cat([self.always, self.pool[chosen]])


def all_rows(rows: Tensor) -> Choice:
    """Return the choice of all rows."""
    return Choice(rows, rows[:0], 0)


def choose(rows: Tensor, positive: Tensor, share: float) -> Choice:
    """Return the choice of all positives and `share` times as many negatives (at most all there are).

    Args:
        rows: rows of one subset.
        positive: whether each row is a positive, bool.
        share: negatives per positive.
    """
    always, pool = rows[positive], rows[~positive]
    return Choice(always, pool, min(round(share * len(always)), len(pool)))


def with_positives(choice: Choice, subset: str, masks: Sequence[str]) -> Choice:
    """Return a choice of `choose`.

    Args:
        choice: of the rows of a subset.
        subset, masks: their names, for the message.

    Raises:
        ValueError: it has no positives.
    """
    if not len(choice.always):
        raise ValueError(
            f"no image of the {subset} subset has one of the masks {list(masks)}, but negatives or val_negatives is a "
            "number per such image: set it to null, or choose other masks (data.masks)"
        )
    return choice


def checked_negatives(negatives: str | float | None, argument: str) -> float | None:
    """Return the requested number of negatives per positive, None for all images.

    Raises:
        ValueError: `negatives` is neither null, real, none nor a number of at least 0.
    """
    if negatives in (None, ALL):
        return None
    if negatives == NONE:
        return 0.0
    if isinstance(negatives, bool | str) or not 0 <= negatives < math.inf:
        raise ValueError(
            f"{argument} must be null or real (all images), none (only images with a mask present) or a number of "
            f"negatives per positive, got {negatives!r}"
        )
    return float(negatives)
