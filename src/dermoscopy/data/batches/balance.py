"""Balance of classes in the training images of an epoch: rare ones more often, frequent ones less often."""

import torch
from torch import Tensor

from dermoscopy.data.batches.negatives import Choice


def checked_balance(balance: float) -> float:
    """Return the power by which images are balanced.

    Raises:
        ValueError: it lies outside [0, 1].
    """
    if isinstance(balance, bool) or not 0 <= balance <= 1:
        raise ValueError(f"balance must lie in [0, 1] (0: each image once, 1: classes alike), got {balance}")
    return float(balance)


def image_weights(classes: Tensor, balance: float) -> Tensor:
    """Return how often each image is to be drawn, relative to the others, (n,).

    An image counts for the rarest of what is known of it, present or absent: 1 / its share of the images, to the power
    of `balance`. With 1, the classes of exclusive labels come equally often, and so do yes and no of a single label.
    An image of which nothing is known counts as the mean of the others.

    Args:
        classes: (n, C) presence of each label or mask in the images of an epoch: 0, 1 or NaN, unknown.
        balance: the power, 0 ... 1.

    Source: the maximum over an image's classes is that of repeat factor sampling; Gupta et al., LVIS, 2019.
    """
    present, absent = (classes == 1).double(), (classes == 0).double()
    known = (present + absent).sum(0).clamp(min=1)
    shares = present * present.sum(0) / known + absent * absent.sum(0) / known  # of the value of each image
    rarest = shares.masked_fill(shares == 0, 2).amin(1) if classes.shape[1] else torch.full((len(classes),), 2.0)
    weights = rarest.double().pow(-balance)
    nothing = rarest == 2  # above any share
    return weights.masked_fill(nothing, weights[~nothing].mean() if not nothing.all() else 1)


def resample(rows: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
    """Draw as many rows as there are, each as often as its weight says, rounded up or down at random.

    Systematic sampling: of n rows with weights w, row i is drawn n w_i / sum(w) times in expectation, and never one
    more or one less than that. No image is drawn twice before its weight demands it.
    """
    order = torch.randperm(len(rows), generator=generator)
    ends = weights[order].cumsum(0)
    start = torch.rand(1, generator=generator, dtype=torch.float64)
    at = (start + torch.arange(len(rows))) * (ends[-1] / len(rows))
    return rows[order[torch.searchsorted(ends, at, right=True).clamp(max=len(rows) - 1)]]


class BalancedChoice:
    """The rows of an epoch, drawn by a `Choice` and then by their weights; their number stays that of the choice.

    Args:
        choice: of the rows.
        classes: (N, C) presence of each label or mask per row of the store, NaN unknown.
        balance: see `image_weights`, whose shares are those of all rows that an epoch may have.

    Attributes:
        prefers: whether some rows come more often than others.
    """

    def __init__(self, choice: Choice, classes: Tensor, balance: float) -> None:
        self.choice = choice
        rows = torch.cat([choice.always, choice.pool])
        self.weights = torch.zeros(len(classes), dtype=torch.float64)
        self.weights[rows] = weights = image_weights(classes[rows], balance)
        self.prefers = bool((weights != weights[:1]).any())

    def __len__(self) -> int:
        return len(self.choice)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return the rows of one epoch."""
        rows = self.choice.draw(generator)
        return resample(rows, self.weights[rows], generator)
