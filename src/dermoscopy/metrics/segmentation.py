"""Scores of predicted masks per image and mask; undefined values are NaN and excluded from the mean.

Only known pixels count. An empty prediction of an empty mask scores 1; an image without a known pixel scores NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dermoscopy.metrics.statistics import Floats, mean_defined, ratio

if TYPE_CHECKING:  # reports score masks without torch
    from torch import Tensor

Count = TypeVar("Count", int, NDArray[np.int64], NDArray[np.float64], "Tensor")
UNBOUNDED = ("hd95", "one_side_empty")  # pixels, and a number of images: no shares
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

    The thresholded Jaccard is 0 for an IoU below 0.65. Precision of an empty prediction is 0, as leaving it out would
    reward a network that finds nothing; recall of an empty truth is NaN; if both are empty, all are 1.
    """
    tp, fp, fn, tn = np.moveaxis(counts.astype(float), -1, 0)
    union = tp + fp + fn
    scores = {
        "dice": ratio(2 * tp, union + tp),
        "iou": ratio(tp, union),
        "precision": np.where((tp + fp == 0) & (fn > 0), 0.0, ratio(tp, tp + fp)),
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


class Areas(NamedTuple):
    """Known pixels of N images and K masks, (N, K) each.

    Attributes:
        truth, predicted, pixels: number of present ones, of predicted ones, and of all known ones.
    """

    truth: Floats
    predicted: Floats
    pixels: Floats

    @property
    def total(self) -> Floats:
        """Sum of both, 2 tp + fp + fn, (N, K)."""
        return self.truth + self.predicted

    @property
    def one_side_empty(self) -> NDArray[np.bool_]:
        """Whether exactly one of truth and prediction is empty, so that a distance between them is made up, (N, K)."""
        return (self.truth > 0) != (self.predicted > 0)


def pooled_dice(dice: Floats, areas: Areas, weight: Floats) -> Floats:
    """Return the Dice of all images pooled into one under R weightings, (R, K); where all are empty, the mean Dice.

    It is sum 2 tp / sum (2 tp + fp + fn), that is, the mean Dice weighted by area.

    Args:
        dice: (N, K), Dice per image.
        areas: (N, K) each.
        weight: (R, N), weight of each image.
    """
    pooled = ratio(weight @ (np.nan_to_num(dice) * areas.total), weight @ areas.total)
    return np.where(np.isnan(pooled), weighted_mean(dice, weight), pooled)  # if all are empty: 1, or NaN


def iou_of(dice: Floats) -> Floats:
    """Return the IoU that corresponds to a Dice."""
    return dice / (2 - dice)


def task2_jaccard(dice: Floats, areas: Areas, weight: Floats) -> Floats:
    """Return the score of Task 2 of the ISIC 2018 challenge under R weightings, (R, K + 1): per mask, and over masks.

    The tp, fp and fn of each image are divided by its known pixels, so that large images do not count more, and summed
    over images; over masks they are summed as well ("micro average"). Where all is empty it is 1.
    Source: `task2.score` of isic-challenge-scoring 5.8.0.

    Args:
        dice: (N, K), Dice per image.
        areas: (N, K) each.
        weight: (R, N), weight of each image.
    """
    share = ratio(areas.total, areas.pixels)  # (2 tp + fp + fn) / pixels
    sums = weight @ np.nan_to_num(dice * share), weight @ np.nan_to_num(share)
    pooled = ratio(*(np.column_stack([of_masks, of_masks.sum(1)]) for of_masks in sums))
    return iou_of(np.where(np.isnan(pooled), _with_mean(weighted_mean(dice, weight)), pooled))


def _with_mean(values: Floats) -> Floats:
    """Return scores (R, K) with their mean over masks as one more column."""
    return np.column_stack([values, mean_defined(values)])


def averages(scores: Mapping[str, Floats], areas: Areas, weight: Floats) -> dict[str, Floats]:
    """Return the scores under R weightings of the images, (R, K + 1) each: of each mask, and over masks.

    The scores are the means of those per image; failure_rate, the share of images with an IoU below 0.65; pooled_dice
    and pooled_iou, of all images pooled into one; task2_jaccard; and with hd95 one_side_empty, the number of images
    whose distance is made up because truth or prediction is empty. Over masks they are means, of one_side_empty the
    sum, of task2_jaccard that of all masks pooled.

    Args:
        scores: (N, K) each, scores per image, at least dice and iou.
        areas: (N, K) each.
        weight: (R, N), weight of each image.
    """
    means = {name: weighted_mean(values, weight) for name, values in scores.items()}
    means["failure_rate"] = weighted_mean(failures(scores["iou"]), weight)
    means["pooled_dice"] = pooled_dice(scores["dice"], areas, weight)
    means["pooled_iou"] = iou_of(means["pooled_dice"])
    result = {name: _with_mean(values) for name, values in means.items()}
    result["task2_jaccard"] = task2_jaccard(scores["dice"], areas, weight)
    if "hd95" in scores:
        number = weight @ areas.one_side_empty
        result["one_side_empty"] = np.column_stack([number, number.sum(1)])
    return result


def mask_scores(counts: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Return all scores over images and masks, and per mask if there is more than one.

    Args:
        counts: (N, K, 4) of `confusion`.
        names: names of the K masks.

    Returns:
        `{"dice": mean, "dice/<mask>": ..., "failure_rate": ..., "pooled_dice": ..., ...}`.
    """
    tp, fp, fn, _ = np.moveaxis(counts.astype(float), -1, 0)
    areas, once = Areas(tp + fn, tp + fp, counts.sum(-1).astype(float)), np.ones((1, len(counts)))
    result: dict[str, float] = {}
    for metric, (values,) in averages(image_scores(counts), areas, once).items():
        result[metric] = float(values[-1])
        if len(names) > 1:
            result |= {f"{metric}/{name}": float(value) for name, value in zip(names, values[:-1], strict=True)}
    return result


def hausdorff_95(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], known: NDArray[np.bool_] | None = None, spacing: float = 1.0
) -> float:
    """Return the 95th percentile of the distances between two outlines, the larger of both directions.

    If one of the masks is empty it is the diagonal of the known region, more than any distance in it, so that finding
    nothing is never better than finding something; if both are, 0. It is NaN if no pixel is known. Both masks end at
    the border of the known region, as at the edge of the image.
    Source: Reinke et al. 2024, Understanding metric-related pitfalls, doi 10.1038/s41592-023-02150-0.

    Args:
        predicted, truth: (H, W).
        known: (H, W), or None if all is known.
        spacing: length of a pixel's side.
    """
    known = np.ones(truth.shape, bool) if known is None else known
    predicted, truth = predicted & known, truth & known
    if not known.any():
        return float("nan")
    empty = not predicted.any(), not truth.any()
    if any(empty):
        return 0.0 if all(empty) else spacing * _diagonal(known)
    first, second = np.argwhere(_outline(predicted)), np.argwhere(_outline(truth))
    # A tree of the outlines is exact, and hundreds of times faster than a distance transform of 12 megapixels.
    forward, backward = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    return spacing * float(max(np.percentile(forward, 95), np.percentile(backward, 95)))


def _diagonal(known: NDArray[np.bool_]) -> float:
    """Return the diagonal, in pixels, of the smallest box that holds the known pixels."""
    rows, columns = (np.flatnonzero(known.any(axis)) for axis in (1, 0))
    return float(np.hypot(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask with one of their four neighbours outside it."""
    wide = np.pad(mask, 1)
    outline: NDArray[np.bool_] = mask & ~(wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:])
    return outline
