"""Labels that a mask gives away: whoever is given the mask need not look at the image."""

import torch
from torch import Tensor

AGREEMENT = 0.99  # share of the images; a small structure may vanish from a small mask


def leaking_masks(label: Tensor, presence: Tensor) -> dict[int, int]:
    """Find labels that are 1 just where a mask is not empty, more often than the commoner answer alone is right.

    Args:
        label: (n, L) 0, 1, NaN unknown.
        presence: (n, K) whether each mask is present anywhere in the image: 0, 1, NaN unknown.

    Returns:
        Column of the label to column of the mask that agrees best, over images where both are known.
    """
    label, presence = label[:, :, None], presence[:, None]
    known = ~(label.isnan() | presence.isnan())  # (n, L, K)
    agreement, ones = (((it & known).sum(0) / known.sum(0)) for it in (label == presence, label == 1))
    told = (agreement >= AGREEMENT) & (agreement > torch.maximum(ones, 1 - ones))
    best = agreement.masked_fill(~told, 0)
    return {column: int(best[column].argmax()) for column in told.any(1).nonzero()[:, 0].tolist()}
