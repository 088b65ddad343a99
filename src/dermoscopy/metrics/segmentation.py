"""Scores of predicted masks, for each image and each mask; undefined is NaN and leaves the mean.

Only known pixels count. Prediction and truth both empty score 1; an image without a known pixel scores NaN.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

THRESHOLD = 0.65  # an IoU below it is a failure; source: ISIC 2018 challenge, task 1, arXiv 1902.03368
Floats = NDArray[np.float64]


def count(logits: Tensor, target: Tensor, exclusive: bool) -> Tensor:
    """Count known pixels of each image and mask by what they are and what they were predicted to be.

    Args:
        logits: (B, K, H, W), predicted where above 0; if exclusive (B, K + 1, H, W), predicted is the highest, 0 is
            the background.
        target: (B, K, H, W), +1 present, -1 absent, 0 unknown.
        exclusive: whether a pixel belongs to one mask at most; it is known if all its masks are.

    Returns:
        int64 (B, K, 4): true positives, false positives, false negatives, true negatives; still on the device.
    """
    masks = target.shape[1]
    if logits.shape[1] != masks + exclusive:
        background = ", the first for the background" if exclusive else ""
        wanted = f"{masks + exclusive} channels of logits{background}"
        raise ValueError(f"{masks} masks need {wanted}; the network gives {logits.shape[1]}")
    known, present = target != 0, target > 0
    if exclusive:
        known = known.all(1, keepdim=True).expand_as(target)
        predicted = logits.argmax(1, keepdim=True) == torch.arange(1, masks + 1, device=logits.device).view(-1, 1, 1)
    else:
        predicted = logits > 0
    predicted, present = predicted & known, present & known
    areas = [pixels.sum((2, 3)) for pixels in (predicted & present, predicted, present, known)]
    tp, positive, truth, total = areas
    return torch.stack([tp, positive - tp, truth - tp, total - positive - truth + tp], dim=-1)


def image_scores(counts: NDArray[np.int64]) -> dict[str, Floats]:
    """Return dice, iou, thresholded_jaccard, precision and recall, (N, K) each, from counts (N, K, 4) of `count`.

    An IoU below 0.65 makes the thresholded Jaccard 0. Precision of an empty prediction and recall of an empty truth
    are NaN, unless both are empty.
    """
    tp, fp, fn, tn = np.moveaxis(counts.astype(float), -1, 0)
    union = tp + fp + fn
    with np.errstate(invalid="ignore"):  # 0 / 0 is the undefined that we mean
        scores = {
            "dice": 2 * tp / (union + tp),
            "iou": tp / union,
            "precision": tp / (tp + fp),
            "recall": tp / (tp + fn),
        }
    scores = {name: np.where((union == 0) & (tn > 0), 1.0, values) for name, values in scores.items()}
    return scores | {"thresholded_jaccard": np.where(scores["iou"] < THRESHOLD, 0.0, scores["iou"])}


def averages(scores: Mapping[str, Floats], area: Floats, weight: Floats) -> dict[str, Floats]:
    """Return the scores of R weightings of the images, (R, K) each: means, failure_rate, pooled_dice and pooled_iou.

    failure_rate is the share of images with an IoU below 0.65. Pooled scores are those of all images seen as one:
    sum 2 tp / sum (2 tp + fp + fn) is the mean Dice weighted by `area`, and IoU = Dice / (2 - Dice).

    Args:
        scores: of each image, (N, K) each, at least dice and iou.
        area: (N, K) predicted and true pixels together, 2 tp + fp + fn.
        weight: (R, N), how often each image counts.
    """
    failed = np.where(np.isnan(scores["iou"]), np.nan, scores["iou"] < THRESHOLD)
    means = {name: _mean(values, weight) for name, values in scores.items()} | {"failure_rate": _mean(failed, weight)}
    total = weight @ area
    pooled = weight @ (np.nan_to_num(scores["dice"]) * area) / np.maximum(total, 1)
    dice = np.where(total > 0, pooled, means["dice"])  # all empty: 1, or NaN where nothing is known
    return means | {"pooled_dice": dice, "pooled_iou": dice / (2 - dice)}


def over_masks(values: Floats) -> Floats:
    """Mean over masks of scores (R, K)."""
    return _mean(values.T, np.ones((1, values.shape[1])))[0]


def mask_scores(counts: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Return all scores of an epoch, mean over images and masks, and of each mask if there is more than one.

    Args:
        counts: (N, K, 4) of `count`.
        names: the K mask names.

    Returns:
        ``{"dice": mean, "dice/<mask>": ..., "failure_rate": ..., "pooled_dice": ..., ...}``.
    """
    area = counts @ np.array([2.0, 1, 1, 0])  # 2 tp + fp + fn
    result: dict[str, float] = {}
    for metric, values in averages(image_scores(counts), area, np.ones((1, len(counts)))).items():
        result[metric] = float(over_masks(values)[0])
        if len(names) > 1:
            result |= {f"{metric}/{name}": float(value) for name, value in zip(names, values[0], strict=True)}
    return result


def hausdorff_95(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], known: NDArray[np.bool_] | None = None, spacing: float = 1.0
) -> float:
    """Return the 95th percentile of the distances from one outline to the other, the larger of the two directions.

    Both masks empty: 0. One of them empty, or no pixel known: NaN. Where knowledge ends, both masks end, as at the
    edge of the image.
    Source: Reinke et al. 2024, Understanding metric-related pitfalls, doi 10.1038/s41592-023-02150-0.

    Args:
        predicted, truth: (H, W).
        known: (H, W), or None where all is known.
        spacing: length of a pixel's side.
    """
    if known is not None:
        predicted, truth = predicted & known, truth & known
    empty = not predicted.any(), not truth.any()
    if any(empty):
        return 0.0 if all(empty) and (known is None or known.any()) else float("nan")
    one, other = np.argwhere(_outline(predicted)), np.argwhere(_outline(truth))
    # A tree of the outlines is exact, and hundreds of times faster than a distance transform of 12 megapixels.
    there, back = cKDTree(other).query(one)[0], cKDTree(one).query(other)[0]
    return spacing * float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask of which one of the four neighbours is not in it."""
    wide = np.pad(mask, 1)
    outline: NDArray[np.bool_] = mask & ~(wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:])
    return outline


def _mean(values: Floats, weight: Floats) -> Floats:
    """Means over images (N, K) of R weightings (R, N), of defined values only."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore"):  # 0 / 0: no image is defined
        mean: Floats = weight @ np.where(defined, values, 0) / (weight @ defined)
    return mean
