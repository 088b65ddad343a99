"""Scores of predicted labels, per label and as macro mean; undefined values are NaN and excluded from the mean.

Labels are (N, L), 0, 1 or NaN for unknown. Exclusive labels are one-hot with a softmax over the logits; a row with an
unknown label, without a positive one, or with several, is entirely unknown.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    binary_sensitivity_at_specificity,
)

from dermoscopy.metrics.calibration import calibration_scores
from dermoscopy.metrics.statistics import Floats, mean_defined
from dermoscopy.metrics.weighted_classification import (
    CLASS_SCORES,
    DECISIONS,
    PAUC,
    Counts,
    decision_score,
    outcomes,
    partial_auroc,
    predicted_labels,
    tuned_name,
)

SPECIFICITY = 90  # percent, for the sensitivity at a specificity
RECORDED = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1")  # of `DECISIONS`, in order


def label_counts(label: Tensor) -> tuple[Tensor, Tensor]:
    """Return the number of positives and of negatives per label; label (N, L), NaN for unknown."""
    return (label == 1).sum(0), (label == 0).sum(0)


def log_odds(logits: Tensor, exclusive: bool) -> Tensor:
    """Return log p / (1 - p) of each label's probability p (N, L): its logit, or the log-odds of its softmax.

    A single logit of exclusive labels has no meaning; its log-odds against all others, z_k - log sum_{j != k} exp z_j,
    have one, and the same order.
    """
    if not exclusive:
        return logits
    itself = torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device)
    return logits - logits.unsqueeze(1).masked_fill(itself, -torch.inf).logsumexp(2)


def known_labels(label: Tensor, exclusive: bool) -> Tensor:
    """Return the labels (N, L); for exclusive labels an unknown row is NaN throughout."""
    if not exclusive:
        return label
    one = label.sum(1, keepdim=True) == 1  # NaN compares unequal
    return label.masked_fill(~one, torch.nan)


def label_scores(
    logits: Tensor, label: Tensor, names: Sequence[str], exclusive: bool, thresholds: Tensor | None, rule: str
) -> dict[str, float]:
    """Return the scores of decisions, ranking and calibration of label predictions.

    A label is predicted where its logit exceeds 0, or if exclusive, where it is the most probable; for the metrics
    `..._at_<rule>` it is predicted where its log-odds exceed its threshold, each label by itself even if exclusive.
    Ranking and calibration are of each label against the rest.

    Undefined are precision without positives and predictions; recall, F1 and average precision without positives;
    specificity without negatives; balanced accuracy, AUROC, the part of it above a sensitivity, and sensitivity at a
    specificity without both.

    Args:
        logits: (N, L), any float type.
        label: (N, L).
        names: names of the L labels.
        exclusive: whether an image has at most one of the labels.
        thresholds: (L,) on the log-odds; None: no metrics at them.
        rule: that chose them, see `choose_thresholds`.

    Returns:
        `{"f1": macro mean, "f1/<label>": ..., ...}` as Python floats. Of exclusive labels, `accuracy` and
        `balanced_accuracy` are those of the most probable class, see `decision_score`, and missing at the
        thresholds; there is also `images`, the number of images with a known label.
    """
    logits, label = logits.detach().float().cpu(), known_labels(label.float().cpu(), exclusive)
    odds = log_odds(logits, exclusive)
    counts = _counts(predicted_labels(logits.numpy(), exclusive), label)
    other = _ranking_scores(odds, label) | calibration_scores(odds.sigmoid(), label)
    by_label = _decision_scores(counts) | {metric: values.double().numpy() for metric, values in other.items()}
    if thresholds is not None:
        tuned = _decision_scores(_counts((odds > thresholds.cpu()).numpy(), label))
        by_label |= {tuned_name(metric, rule): values for metric, values in tuned.items()}
    means = {metric: float(mean_defined(values)) for metric, values in by_label.items()}
    if exclusive:
        for metric in CLASS_SCORES:
            means[metric] = float(decision_score(metric, counts, exclusive))
            means.pop(tuned_name(metric, rule), None)
    scores: dict[str, float] = {}
    for metric, values in by_label.items():
        scores |= {metric: means[metric]} if metric in means else {}
        scores |= {f"{metric}/{name}": value for name, value in zip(names, values.tolist(), strict=True)}
    return scores | ({"images": float((~label.isnan().any(1)).sum())} if exclusive else {})


def _counts(predicted: NDArray[np.bool_], label: Tensor) -> Counts:
    """Count the outcomes of each label over all images, (L,) each."""
    return Counts(*(kind.sum(0) for kind in outcomes(predicted, label.double().numpy())))


def _decision_scores(counts: Counts) -> dict[str, Floats]:
    return {name: DECISIONS[name](counts) for name in RECORDED}


def _ranking_scores(odds: Tensor, label: Tensor) -> dict[str, Tensor]:
    """Return scores of the ranking by log-odds, since the probabilities of large odds all round to 1."""
    names = "average_precision", "auroc", PAUC, f"sensitivity_at_specificity_{SPECIFICITY}"
    columns = zip(odds.unbind(1), label.unbind(1), strict=True)
    by_label = torch.tensor([_ranking(score, truth) for score, truth in columns])  # (L, 4)
    return dict(zip(names, by_label.unbind(1), strict=True))


def _ranking(score: Tensor, truth: Tensor) -> tuple[float, float, float, float]:
    """Return average precision, AUROC, the part of it above a sensitivity, and sensitivity of one label."""
    known = ~truth.isnan()
    truth = truth[known].long()
    score = score[known].unique(return_inverse=True)[1] / max(len(truth), 1)  # torchmetrics requires 0 ... 1
    positives = int(truth.sum())
    precision = auroc = partial = sensitivity = torch.nan
    if positives:
        precision = binary_average_precision(score, truth, validate_args=False).item()
    if 0 < positives < len(truth):
        auroc = binary_auroc(score, truth, validate_args=False).item()
        at = binary_sensitivity_at_specificity(score, truth, SPECIFICITY / 100, validate_args=False)
        sensitivity = at[0].item()
        partial = float(partial_auroc(truth.double().numpy(), score.double().numpy(), np.ones((1, len(truth))))[0])
    return precision, auroc, partial, sensitivity
