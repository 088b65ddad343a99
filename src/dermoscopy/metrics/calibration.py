"""Calibration of predicted probabilities: of the images with probability p, a share p should be positive."""

import torch
from torch import Tensor

BINS = 15


def reliability(probability: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Bin the images of each label by the predicted probability, in bins of equal width.

    Args:
        probability: (N, L).
        label: (N, L), 0, 1 or NaN for unknown, which is excluded.

    Returns:
        Per bin, (15, L) each: number of images, their mean probability and share of positives, NaN in an empty bin.
    """
    place = (probability * BINS).long().clamp(0, BINS - 1)  # probability 1 belongs to the last bin
    member = (place == torch.arange(BINS).view(-1, 1, 1)) & ~label.isnan()  # (15, N, L)
    images = member.sum(1)
    mean, share = (torch.where(member, values, 0).sum(1) / images for values in (probability, label))
    return images, mean, share


def calibration_scores(probability: Tensor, label: Tensor) -> dict[str, Tensor]:
    """Return the Brier score and the expected calibration error of each label, (L,) both, 0 is best.

    Brier = mean (p - y)^2. ECE = sum over bins of (images of the bin / images) |share of positives - mean p|, with
    bins over the probability of the positive class and not of the more probable class.
    Source: Guo et al. 2017, On calibration of modern neural networks, arXiv 1706.04599, equation 3.

    Args:
        probability, label: as for `reliability`.
    """
    images, mean, share = reliability(probability, label)
    error = (images * (share - mean).abs()).nansum(0) / images.sum(0)  # 0 / 0 = NaN if no image is known
    return {"brier": (probability - label).square().nanmean(0), "ece": error}
