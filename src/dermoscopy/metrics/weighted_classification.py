"""Scores of labels: of what is predicted, from counts, and of how images are ranked, under R weightings of the images.

They have the names of a run's metrics. Undefined is NaN.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dermoscopy.metrics.statistics import Floats, mean_defined, ratio

TUNED = "tuned_"  # of what is predicted at a threshold that the run has chosen


class Counts(NamedTuple):
    """True and false positives, true and false negatives of L labels: of N images (N, L), or of R weightings (R, L)."""

    tp: Floats
    fp: Floats
    tn: Floats
    fn: Floats


def predicted_labels(logit: Floats, exclusive: bool) -> NDArray[np.bool_]:
    """Tell which labels count as predicted, (N, L): those with a logit above 0, of exclusive ones the likeliest.

    Args:
        logit: (N, L).
        exclusive: whether an image has at most one of the labels.
    """
    if exclusive:
        return np.arange(logit.shape[1]) == logit.argmax(1, keepdims=True)
    return logit > 0


def outcomes(predicted: NDArray[np.bool_], truth: Floats) -> Counts:
    """Return 1 where a label of an image is a true positive and so on, else 0; all 0 where its truth is unknown.

    Args:
        predicted: (N, L).
        truth: (N, L) 0, 1, NaN unknown.
    """
    positive, negative = truth == 1, truth == 0
    kinds = predicted & positive, predicted & negative, ~predicted & negative, ~predicted & positive
    return Counts(*(kind.astype(truth.dtype) for kind in kinds))


def _recall(of: Counts) -> Floats:
    return ratio(of.tp, of.tp + of.fn)


def _specificity(of: Counts) -> Floats:
    return ratio(of.tn, of.tn + of.fp)


def _f1(of: Counts) -> Floats:
    """Undefined for a label without positives, whatever is predicted."""
    return np.where(of.tp + of.fn > 0, ratio(2 * of.tp, 2 * of.tp + of.fp + of.fn), np.nan)


def _accuracy(of: Counts) -> Floats:
    return ratio(of.tp + of.tn, of.tp + of.fp + of.tn + of.fn)


def _balanced_accuracy(of: Counts) -> Floats:
    return (_recall(of) + _specificity(of)) / 2


def _precision(of: Counts) -> Floats:
    return ratio(of.tp, of.tp + of.fp)


DECISIONS: dict[str, Callable[[Counts], Floats]] = {
    "recall": _recall,
    "specificity": _specificity,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "f1": _f1,
    "accuracy": _accuracy,
}


def decision_score(name: str, counts: Counts) -> Floats:
    """One of the scores of what is predicted, mean over labels: (R, L) -> (R,)."""
    return mean_defined(DECISIONS[name.removeprefix(TUNED)](counts))


def average_precision(truth: Floats, logit: Floats, weight: Floats) -> Floats:
    """AP = sum over positives of the precision at the logit of each, by the sum of positives.

    The same as sum_k (recall_k - recall_{k-1}) precision_k over the distinct thresholds k.

    Args:
        truth, logit: (N,) of one label.
        weight: (R, N).
    """
    own, tp, fp, _, _ = _at_positives(truth, logit, weight)
    precision = np.nan_to_num(ratio(tp, tp + fp))  # undefined only where the positive itself weighs nothing
    return ratio((own * precision).sum(0), own.sum(0))


def auroc(truth: Floats, logit: Floats, weight: Floats) -> Floats:
    """Share of pairs of a positive and a negative that are in the right order, a tie counting half.

    Args:
        truth, logit, weight: see `average_precision`.
    """
    own, _, fp, fp_above, negatives = _at_positives(truth, logit, weight)
    return 1 - ratio((own * (fp_above + fp)).sum(0) / 2, own.sum(0) * negatives)


def _at_positives(truth: Floats, logit: Floats, weight: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """What lies above each of the P positives, all but the last (P, R): only there a ranking says anything.

    Returns:
        Weight of the positives; of the positives and of the negatives with at least their logit; of the negatives with
        a higher one; of all negatives (R,).
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
    return own, tp, passed[through] - tp, passed[above] - tp_above, negatives


def _sums(weight: Floats) -> Floats:
    """Sums of the first 0, 1, 2, ... rows."""
    out = np.zeros((len(weight) + 1, weight.shape[1]))
    np.cumsum(weight, axis=0, out=out[1:])
    return out


RANKING: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "auroc": auroc,
    "average_precision": average_precision,
}
SCORES = (*RANKING, *DECISIONS, *(f"{TUNED}{name}" for name in DECISIONS))
