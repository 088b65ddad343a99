"""Scores of predicted labels, for each label and their macro mean; undefined is NaN and leaves the mean.

Labels are (N, L), 0, 1 or NaN for unknown. Exclusive labels are one-hot, their logits are softmaxed; a row with an
unknown label, or without a positive one, is unknown as a whole.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    binary_sensitivity_at_specificity,
)

from dermoscopy.metrics.calibration import calibration_scores
from dermoscopy.metrics.weighted_classification import DECISIONS, TUNED, Counts, outcomes, predicted_labels

SPECIFICITY = 90  # percent, at which sensitivities are compared
RECORDED = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1")  # of `DECISIONS`, in order


def label_counts(label: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many positives and negatives each label has; label (N, L) with NaN unknown."""
    return (label == 1).sum(0), (label == 0).sum(0)


def log_odds(logits: Tensor, exclusive: bool) -> Tensor:
    """Return log p / (1 - p) of the probability p of each label (N, L): its logit, or what a softmax makes of it.

    Of exclusive labels one logit alone says nothing; its log-odds against all others, z_k - log sum_{j != k} exp z_j,
    do. They have the same order.
    """
    if not exclusive:
        return logits
    itself = torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device)
    return logits - logits.unsqueeze(1).masked_fill(itself, -torch.inf).logsumexp(2)


def known_labels(label: Tensor, exclusive: bool) -> Tensor:
    """Return the labels (N, L), all of a row NaN if they are exclusive and it is unknown."""
    if not exclusive:
        return label
    unknown = label.isnan().any(1, keepdim=True) | (label != 1).all(1, keepdim=True)
    return label.masked_fill(unknown, torch.nan)


def label_scores(
    logits: Tensor, label: Tensor, names: Sequence[str], exclusive: bool, thresholds: Tensor | None
) -> dict[str, float]:
    """Return how well labels are predicted, ranked and how honest their probabilities are.

    A label counts as predicted where its logit exceeds 0, of exclusive ones the likeliest; the metrics `tuned_...`
    are those where its log-odds exceed the threshold instead, also of exclusive ones each for itself. Ranking and
    calibration are of each label against the rest.

    Undefined are precision without predictions; recall, F1 and average precision without positives; specificity
    without negatives; balanced accuracy, AUROC and sensitivity at a specificity without both.

    Args:
        logits: (N, L), any float type.
        label: (N, L).
        names: the L label names.
        exclusive: whether an image has at most one of the labels.
        thresholds: (L,) of the log-odds, see `choose_thresholds`; None: no tuned metrics.

    Returns:
        `{"f1": macro mean, "f1/<label>": ..., ...}` as Python floats; of exclusive labels also `top1`, the share
        of images whose likeliest label is the true one.
    """
    logits, label = logits.detach().float().cpu(), known_labels(label.float().cpu(), exclusive)
    odds = log_odds(logits, exclusive)
    predicted = torch.from_numpy(predicted_labels(logits.numpy(), exclusive))
    probability = odds.sigmoid()
    by_label = _decision_scores(predicted, label) | _ranking_scores(odds, label)
    by_label |= calibration_scores(probability, label)
    if thresholds is not None:
        tuned = _decision_scores(odds > thresholds.cpu(), label)
        by_label |= {f"{TUNED}{metric}": values for metric, values in tuned.items()}
    scores: dict[str, float] = {}
    for metric, values in by_label.items():
        scores[metric] = values.nanmean().item()
        scores |= {f"{metric}/{name}": value for name, value in zip(names, values.tolist(), strict=True)}
    if exclusive:
        scores["top1"] = label[predicted].nanmean().item()  # the truth of the likeliest label of each image
    return scores


def _decision_scores(predicted: Tensor, label: Tensor) -> dict[str, Tensor]:
    counts = Counts(*(kind.sum(0) for kind in outcomes(predicted.numpy(), label.numpy())))
    return {name: torch.from_numpy(DECISIONS[name](counts)) for name in RECORDED}


def _ranking_scores(odds: Tensor, label: Tensor) -> dict[str, Tensor]:
    """Scores of the order alone: of large odds the probabilities would all be 1."""
    names = "average_precision", "auroc", f"sensitivity_at_specificity_{SPECIFICITY}"
    columns = zip(odds.unbind(1), label.unbind(1), strict=True)
    by_label = torch.tensor([_ranking(score, truth) for score, truth in columns])  # (L, 3)
    return dict(zip(names, by_label.unbind(1), strict=True))


def _ranking(score: Tensor, truth: Tensor) -> tuple[float, float, float]:
    """Average precision, AUROC and sensitivity of one label."""
    known = ~truth.isnan()
    truth = truth[known].long()
    score = score[known].unique(return_inverse=True)[1] / max(len(truth), 1)  # torchmetrics wants 0 ... 1
    positives = int(truth.sum())
    precision = auroc = sensitivity = torch.nan
    if positives:
        precision = binary_average_precision(score, truth, validate_args=False).item()
    if 0 < positives < len(truth):
        auroc = binary_auroc(score, truth, validate_args=False).item()
        at = binary_sensitivity_at_specificity(score, truth, SPECIFICITY / 100, validate_args=False)
        sensitivity = at[0].item()
    return precision, auroc, sensitivity
