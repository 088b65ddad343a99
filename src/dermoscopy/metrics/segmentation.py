"""Scores of predicted masks per image and mask; undefined values are NaN and excluded from the mean.

Only known pixels count. An empty prediction of an empty mask scores 1; an image without a known pixel scores NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dermoscopy.metrics.statistics import Floats, ratio

if TYPE_CHECKING:  # reports score masks without torch
    from torch import Tensor

Count = TypeVar("Count", int, NDArray[np.int64], NDArray[np.float64], "Tensor")
THRESHOLD = 0.65  # an IoU below it is a failure. Source: ISIC 2018 challenge, task 1, arXiv 1902.03368


def confusion(tp: Count, predicted: Count, present: Count, known: Count) -> tuple[Count, Count, Count, Count]:
    """Return true positives, false positives, false negatives and true negatives of known pixels or images.

    Args:
        tp: number of present and predicted ones.
        predicted, present: number of predicted ones and of present ones.
        known: number of known ones.
    """
    return tp, predicted - tp, present - tp, known - predicted - present + tp


def image_scores(counts: NDArray[np.int64]) -> dict[str, Floats]:
    """Return dice, iou, thresholded_jaccard, precision and recall, (N, K) each, from counts (N, K, 4) of `confusion`.

    The thresholded Jaccard is 0 for an IoU below 0.65. Precision of an empty prediction and recall of an empty truth
    are NaN, unless both are empty.
    """
    tp, fp, fn, tn = np.moveaxis(counts.astype(float), -1, 0)
    union = tp + fp + fn
    scores = {
        "dice": ratio(2 * tp, union + tp),
        "iou": ratio(tp, union),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
    }
    scores = {name: np.where((union == 0) & (tn > 0), 1.0, values) for name, values in scores.items()}
    return scores | {"thresholded_jaccard": np.where(scores["iou"] < THRESHOLD, 0.0, scores["iou"])}


def failures(iou: Floats) -> Floats:
    """Return 1 where an IoU is below 0.65, 0 elsewhere, NaN where it is undefined."""
    return np.where(np.isnan(iou), np.nan, iou < THRESHOLD)


def weighted_mean(values: Floats, weight: Floats) -> Floats:
    """Return the means (R, K) of the defined scores (N, K) of N images under R weightings (R, N)."""
    defined = np.isfinite(values)
    return ratio(weight @ np.where(defined, values, 0), weight @ defined)


def pooled_dice(dice: Floats, area: Floats, weight: Floats) -> Floats:
    """Return the Dice of all images pooled into one under R weightings, (R, K); NaN if nothing is present or predicted.

    It is sum 2 tp / sum (2 tp + fp + fn), that is, the mean Dice weighted by area.

    Args:
        dice: (N, K), Dice per image.
        area: (N, K), sum of predicted and true pixels, 2 tp + fp + fn.
        weight: (R, N), weight of each image.
    """
    return ratio(weight @ (np.nan_to_num(dice) * area), weight @ area)


def iou_of(dice: Floats) -> Floats:
    """Return the IoU that corresponds to a Dice."""
    return dice / (2 - dice)


def averages(scores: Mapping[str, Floats], area: Floats, weight: Floats) -> dict[str, Floats]:
    """Return the scores under R weightings of the images, (R, K) each: means, failure_rate, pooled_dice and pooled_iou.

    failure_rate is the share of images with an IoU below 0.65. Pooled scores are those of all images pooled into one,
    see `pooled_dice`; where all of them are empty, the mean Dice.

    Args:
        scores: (N, K) each, scores per image, at least dice and iou.
        area: (N, K), sum of predicted and true pixels, 2 tp + fp + fn.
        weight: (R, N), weight of each image.
    """
    means = {name: weighted_mean(values, weight) for name, values in scores.items()}
    means["failure_rate"] = weighted_mean(failures(scores["iou"]), weight)
    pooled = pooled_dice(scores["dice"], area, weight)
    dice = np.where(np.isnan(pooled), means["dice"], pooled)  # if all are empty: 1, or NaN where nothing is known
    return means | {"pooled_dice": dice, "pooled_iou": iou_of(dice)}


def over_masks(values: Floats) -> Floats:
    """Return the mean over masks of scores (R, K)."""
    return weighted_mean(values.T, np.ones((1, values.shape[1])))[0]


def mask_scores(counts: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Return all scores, mean over images and masks, and per mask if there is more than one.

    Args:
        counts: (N, K, 4) of `confusion`.
        names: names of the K masks.

    Returns:
        `{"dice": mean, "dice/<mask>": ..., "failure_rate": ..., "pooled_dice": ..., ...}`.
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
    """Return the 95th percentile of the distances between two outlines, the larger of both directions.

    It is 0 if both masks are empty, and NaN if one is empty or no pixel is known. Both masks end at the border of the
    known region, as at the edge of the image.
    Source: Reinke et al. 2024, Understanding metric-related pitfalls, doi 10.1038/s41592-023-02150-0.

    Args:
        predicted, truth: (H, W).
        known: (H, W), or None if all is known.
        spacing: length of a pixel's side.
    """
    if known is not None:
        predicted, truth = predicted & known, truth & known
    empty = not predicted.any(), not truth.any()
    if any(empty):
        return 0.0 if all(empty) and (known is None or known.any()) else float("nan")
    first, second = np.argwhere(_outline(predicted)), np.argwhere(_outline(truth))
    # A tree of the outlines is exact, and hundreds of times faster than a distance transform of 12 megapixels.
    forward, backward = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    return spacing * float(max(np.percentile(forward, 95), np.percentile(backward, 95)))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask with one of their four neighbours outside it."""
    wide = np.pad(mask, 1)
    outline: NDArray[np.bool_] = mask & ~(wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:])
    return outline
