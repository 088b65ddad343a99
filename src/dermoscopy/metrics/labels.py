"""Scores of multilabel predictions, for each label and their macro mean; undefined is NaN and leaves the mean."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision, multilabel_stat_scores

UNKNOWN = -1  # torchmetrics ignores an integer index, not NaN


def label_counts(label: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many positives and negatives each label has; label (N, L) with NaN unknown."""
    return (label == 1).sum(0), (label == 0).sum(0)


def multilabel_scores(logits: Tensor, label: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Return accuracy, precision, recall, F1, average precision and AUROC by label and as macro mean.

    A label counts as predicted where its logit exceeds 0. Precision without predictions, recall, F1 and average
    precision without positives, and AUROC without both classes are undefined: NaN, left out of the macro mean.

    Args:
        logits: (N, L), any float type.
        label: (N, L), 0, 1 or NaN for unknown.
        names: the L label names.

    Returns:
        ``{"f1": macro mean, "f1/<label>": ..., ...}`` as Python floats.
    """
    logits, label = logits.float().cpu(), label.float().cpu()
    target = label.nan_to_num(UNKNOWN).long()
    probability = logits.sigmoid()
    by_label = {**_threshold_scores(logits, target), **_ranking_scores(probability, target)}
    scores: dict[str, float] = {}
    for metric, values in by_label.items():
        scores[metric] = values.nanmean().item()
        scores |= {f"{metric}/{name}": value.item() for name, value in zip(names, values, strict=True)}
    return scores


def _threshold_scores(logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    predicted = (logits > 0).long()
    counts = multilabel_stat_scores(
        predicted, target, num_labels=target.shape[1], average=None, ignore_index=UNKNOWN, validate_args=False
    )
    tp, fp, tn, fn, _ = counts.float().reshape(-1, 5).unbind(1)  # a single label comes without its dimension
    return {
        "accuracy": (tp + tn) / (tp + fp + tn + fn),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": torch.where(tp + fn > 0, 2 * tp / (2 * tp + fp + fn), torch.nan),  # 0/0 = NaN in all four
    }


def _ranking_scores(probability: Tensor, target: Tensor) -> dict[str, Tensor]:
    precision, auroc = [], []
    for score, truth in zip(probability.unbind(1), target.unbind(1), strict=True):
        known = truth != UNKNOWN
        score, truth = score[known], truth[known]
        positives = int(truth.sum())
        both = 0 < positives < len(truth)
        precision.append(binary_average_precision(score, truth) if positives else torch.tensor(torch.nan))
        auroc.append(binary_auroc(score, truth) if both else torch.tensor(torch.nan))
    return {"average_precision": torch.stack(precision), "auroc": torch.stack(auroc)}
