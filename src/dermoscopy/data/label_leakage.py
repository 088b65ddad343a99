"""Label leakage: labels that the presence of a mask determines, so that a model need not use the image."""

import torch
from torch import Tensor

AGREEMENT = 0.99  # share of the images, below 1 because a small structure may vanish from a small mask


def leaking_masks(label: Tensor, presence: Tensor) -> dict[int, int]:
    """Find labels that equal the presence of a mask, more often than the majority class alone would.

    Args:
        label: (n, L) 0, 1, NaN for unknown.
        presence: (n, K) presence of each mask anywhere in the image: 0, 1, NaN for unknown.

    Returns:
        Column of each such label to column of the mask that agrees best, over images where both are known.
    """
    label, presence = label[:, :, None], presence[:, None]
    known = ~(label.isnan() | presence.isnan())  # (n, L, K)
    agreement, ones = (((match & known).sum(0) / known.sum(0)) for match in (label == presence, label == 1))
    leaks = (agreement >= AGREEMENT) & (agreement > torch.maximum(ones, 1 - ones))
    best = agreement.masked_fill(~leaks, 0)
    return {column: int(best[column].argmax()) for column in leaks.any(1).nonzero()[:, 0].tolist()}
