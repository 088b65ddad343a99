"""Scores of labels under R weightings of the images: of decisions, from counts, and of rankings.

Their names are those of a run's metrics. Undefined values are NaN.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from dermoscopy.metrics.statistics import Floats, mean_defined, ratio

AT = "_at_"  # between a score of decisions and the rule that chose their threshold in validation: `f1_at_best_f1`
SENSITIVITY = 80  # percent, above which the partial AUROC counts. Source: ISIC 2024 challenge
PAUC = f"pauc_above_sensitivity_{SENSITIVITY}"


class Counts(NamedTuple):
    """True and false positives, true and false negatives of L labels: per image (N, L), or per weighting (R, L)."""

    tp: Floats
    fp: Floats
    tn: Floats
    fn: Floats


def predicted_labels(logit: Floats, exclusive: bool) -> NDArray[np.bool_]:
    """Return which labels are predicted, (N, L): those with a logit above 0, or if exclusive the most probable one.

    Args:
        logit: (N, L).
        exclusive: whether an image has at most one of the labels.
    """
    if exclusive:
        return np.arange(logit.shape[1]) == logit.argmax(1, keepdims=True)
    return logit > 0


def outcomes(predicted: NDArray[np.bool_], truth: Floats) -> Counts:
    """Return 1 where an image's label is a true positive (and so on), 0 elsewhere; all 0 where the truth is unknown.

    Args:
        predicted: (N, L).
        truth: (N, L) 0, 1, NaN for unknown.
    """
    positive, negative = truth == 1, truth == 0
    kinds = predicted & positive, predicted & negative, ~predicted & negative, ~predicted & positive
    return Counts(*(kind.astype(truth.dtype) for kind in kinds))


def _recall(counts: Counts) -> Floats:
    return ratio(counts.tp, counts.tp + counts.fn)


def _specificity(counts: Counts) -> Floats:
    return ratio(counts.tn, counts.tn + counts.fp)


def _f1(counts: Counts) -> Floats:
    """Return F1, undefined for a label without positives, whatever is predicted."""
    return np.where(counts.tp + counts.fn > 0, ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn), np.nan)


def _accuracy(counts: Counts) -> Floats:
    return ratio(counts.tp + counts.tn, counts.tp + counts.fp + counts.tn + counts.fn)


def _balanced_accuracy(counts: Counts) -> Floats:
    return (_recall(counts) + _specificity(counts)) / 2


def _precision(counts: Counts) -> Floats:
    """Return precision, 0 for a label that has positives and is never predicted; leaving it out would reward that."""
    missed = (counts.tp + counts.fp == 0) & (counts.fn > 0)
    return np.where(missed, 0, ratio(counts.tp, counts.tp + counts.fp))


CLASS_SCORES = ("accuracy", "balanced_accuracy")  # of exclusive labels not the mean over labels, see `decision_score`
DECISIONS: dict[str, Callable[[Counts], Floats]] = {
    "recall": _recall,
    "specificity": _specificity,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "f1": _f1,
    "accuracy": _accuracy,
}


def decision_score(name: str, counts: Counts, exclusive: bool) -> Floats:
    """Return one of the scores of decisions over labels: (R, L) -> (R,).

    It is the mean over labels, except for two scores of exclusive labels, of which one per image is predicted: accuracy
    is the share of images whose class is right, balanced accuracy the mean recall of the classes that have images.

    Args:
        name: one of `DECISIONS`, at any threshold.
        counts: (R, L) each.
        exclusive: whether an image has at most one of the labels.
    """
    name = plain_name(name)
    if exclusive and name == "accuracy":
        return ratio(counts.tp.sum(-1), (counts.tp + counts.fn).sum(-1))
    return mean_defined(DECISIONS["recall" if exclusive and name == "balanced_accuracy" else name](counts))


def tuned_name(name: str, rule: str) -> str:
    """Return the name of a score of decisions at the threshold that a rule chose in validation: `f1_at_best_f1`."""
    return f"{name}{AT}{rule}"


def plain_name(name: str) -> str:
    """Return the name of a score without the rule that chose its threshold: `f1` for `f1_at_best_f1`."""
    decision = name.partition(AT)[0]
    return decision if decision in DECISIONS else name


def tuned_decisions(rule: str, exclusive: bool) -> list[str]:
    """Return the names of the scores over labels at the thresholds that a rule chose.

    Each label has its own threshold, so of exclusive labels several or none may exceed theirs: no class is predicted
    whose accuracy and balanced accuracy could be computed.
    """
    return [tuned_name(name, rule) for name in DECISIONS if not (exclusive and name in CLASS_SCORES)]


def average_precision(truth: Floats, logit: Floats, weight: Floats) -> Floats:
    """Return the average precision: the mean over positives of the precision at their logit.

    It equals sum_k (recall_k - recall_{k-1}) precision_k over the distinct thresholds k.

    Args:
        truth, logit: (N,), of one label.
        weight: (R, N).
    """
    own, tp, _, fp, _, _ = _at_positives(truth, logit, weight)
    precision = np.nan_to_num(ratio(tp, tp + fp))  # undefined only where the positive itself has weight 0
    return ratio((own * precision).sum(0), own.sum(0))


def expected_average_precision(positives: Floats, images: Floats) -> Floats:
    """Return the expectation of the average precision over all orders of the images; NaN without a positive.

    With m positives of n images it is (H + (m - 1) / (n - 1) (n - H)) / n, H = 1 + 1/2 + ... + 1/n: the positive of
    rank r has itself and on average (m - 1) (r - 1) / (n - 1) other positives among the first r. It is above the
    prevalence m / n, the more the fewer the positives.

    Args:
        positives, images: numbers m and n, of any shape.
    """
    positives, images = np.asarray(positives, float), np.asarray(images, float)
    harmonic = digamma(np.maximum(images, 1) + 1) + np.euler_gamma
    others = (positives - 1) / np.maximum(images - 1, 1)
    return np.where(positives > 0, ratio(harmonic + others * (images - harmonic), images), np.nan)


def auroc(truth: Floats, logit: Floats, weight: Floats) -> Floats:
    """Return the share of positive-negative pairs in the right order, a tie counting half.

    Args:
        truth, logit, weight: see `average_precision`.
    """
    own, _, _, fp, fp_above, negatives = _at_positives(truth, logit, weight)
    return 1 - ratio((own * (fp_above + fp)).sum(0) / 2, own.sum(0) * negatives)


def partial_auroc(truth: Floats, logit: Floats, weight: Floats) -> Floats:
    """Return the area below the ROC curve and above a sensitivity of 80 %, from 0 to 0.2, not rescaled.

    Between its points, through ties as well, the curve is a straight line. A ranking at random has about 0.02, more
    where positives are few.
    Source: `p_auc_tpr` with `min_tpr` 0.8, github.com/ISIC-Research/Challenge-2024-Metrics.

    Args:
        truth, logit, weight: see `average_precision`.
    """
    own, tp, tp_above, fp, fp_above, negatives = _at_positives(truth, logit, weight)
    positives, tied = own.sum(0), tp - tp_above
    low, high = (np.maximum(end, SENSITIVITY / 100 * positives) for end in (tp_above, tp))  # of the line that counts
    passed = fp_above + np.nan_to_num(ratio((low + high) / 2 - tp_above, tied)) * (fp - fp_above)  # in its middle
    area = np.nan_to_num(ratio(own, tied)) * (high - low) * (1 - ratio(passed, negatives))  # shared by tied positives
    return ratio(area.sum(0), positives)


def _at_positives(truth: Floats, logit: Floats, weight: Floats) -> tuple[Floats, ...]:
    """Return the weights above each of the P positives, on which ranking scores depend.

    Returns:
        Weight (P, R) of the positives; of the positives with at least their logit, and with a higher one; of the
        negatives likewise; and of all negatives (R,).
    """
    known = np.flatnonzero(~np.isnan(truth))
    order = known[np.argsort(-logit[known], kind="stable")]
    positives = np.flatnonzero(truth[order] == 1)
    falling = -logit[order]
    above, through = (np.searchsorted(falling, falling[positives], side=side) for side in ("left", "right"))
    passed, own = _sums(weight.T[order]), weight.T[order[positives]]
    passed_positives = _sums(own)
    tp_above, tp = (passed_positives[np.searchsorted(positives, end)] for end in (above, through))
    negatives = passed[-1] - passed_positives[-1]
    return own, tp, tp_above, passed[through] - tp, passed[above] - tp_above, negatives


def _sums(weight: Floats) -> Floats:
    """Return the sums of the first 0, 1, 2, ... rows."""
    out = np.zeros((len(weight) + 1, weight.shape[1]))
    np.cumsum(weight, axis=0, out=out[1:])
    return out


RANKING: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "auroc": auroc,
    "average_precision": average_precision,
    PAUC: partial_auroc,
}
