"""Pixel counts of predicted masks by true and predicted presence, computed on the device."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dermoscopy.metrics.segmentation import confusion
from dermoscopy.metrics.statistics import mean_defined, ratio

POOLED_RECALL = "pooled_recall"


def count(logits: Tensor, target: Tensor, exclusive: bool) -> Tensor:
    """Count the known pixels per image and mask, see `dermoscopy.metrics.segmentation.confusion`.

    Args:
        logits: (B, K, H, W), predicted where above 0; if exclusive (B, K + 1, H, W), the highest is predicted, channel
            0 is the background.
        target: (B, K, H, W), +1 present, -1 absent, 0 unknown.
        exclusive: whether a pixel belongs to at most one mask; it is known if all its masks are.

    Returns:
        int64 (B, K, 4): true positives, false positives, false negatives, true negatives; on the device.

    Raises:
        ValueError: the logits have another number of channels.
    """
    masks = target.shape[1]
    if logits.shape[1] != masks + exclusive:
        background = ", the first for the background" if exclusive else ""
        needed = f"{masks + exclusive} channels of logits{background}"
        raise ValueError(f"{masks} masks need {needed}; the network returns {logits.shape[1]}")
    known, present = target != 0, target > 0
    if exclusive:
        known = known.all(1, keepdim=True).expand_as(target)
        predicted = logits.argmax(1, keepdim=True) == torch.arange(1, masks + 1, device=logits.device).view(-1, 1, 1)
    else:
        predicted = logits > 0
    predicted, present = predicted & known, present & known
    tp, positive, truth, total = (pixels.sum((2, 3)) for pixels in (predicted & present, predicted, present, known))
    return torch.stack(confusion(tp, positive, truth, total), dim=-1)


def pooled_recall(counts: NDArray[np.int64]) -> float:
    """Return the recall of all images pooled into one, in the mean over the masks present in it; NaN if none is.

    It is 0 where no pixel of any mask is found. Pooled Dice may be above 0 there: of a mask that is absent from all
    images and never predicted it is 1.

    Args:
        counts: (N, K, 4) of `count`.
    """
    tp, _, fn, _ = np.moveaxis(counts.sum(0).astype(float), -1, 0)
    return float(mean_defined(ratio(tp, tp + fn)))
