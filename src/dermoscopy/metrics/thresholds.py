"""Decision thresholds of labels on the logits, chosen on images of neither the training nor the test subset."""

import re

import torch
from torch import Tensor

from dermoscopy.machine.messages import nearest
from dermoscopy.metrics.classification import known_labels, log_odds

RULES = ("zero", "best_f1", "youden")
SENSITIVITY = re.compile(r"sensitivity_(\d+)")


def check_rule(rule: str) -> None:
    """Refuse a rule that is none of zero, best_f1, youden and sensitivity_1 to sensitivity_100.

    Raises:
        ValueError: the rule is unknown.
    """
    sensitivity = SENSITIVITY.fullmatch(str(rule))  # YAML may read it as a number
    if rule not in RULES and not (sensitivity and 1 <= int(sensitivity[1]) <= 100):
        raise ValueError(
            f"model.threshold must be zero, best_f1, youden or a sensitivity in percent such as sensitivity_90, "
            f"got {rule}{nearest(str(rule), (*RULES, 'sensitivity_90'))}"
        )


def choose_thresholds(logits: Tensor, label: Tensor, rule: str, exclusive: bool) -> Tensor:
    """Choose the threshold of each label, (L,), on the scale of `log_odds` (that of the logits unless exclusive).

    `zero` is probability 1/2. `best_f1` maximises F1, `youden` sensitivity + specificity; of equally good thresholds
    the lowest is taken, which misses least. `sensitivity_90` is the highest threshold with at least that sensitivity
    in percent. A threshold lies midway between two neighbouring logits, or 1 below the lowest; it is 0 for a label
    without positives or negatives, where no rule applies.

    Args:
        logits, label: (N, L), see `label_scores`.
        rule: zero, best_f1, youden or sensitivity_<percent>.
        exclusive: whether an image has at most one of the labels.

    Raises:
        ValueError: the rule is unknown.
    """
    check_rule(rule)
    odds, label = log_odds(logits.float().cpu(), exclusive), known_labels(label.float().cpu(), exclusive)
    return torch.stack([_threshold(*column, rule) for column in zip(odds.unbind(1), label.unbind(1), strict=True)])


def _threshold(logit: Tensor, truth: Tensor, rule: str) -> Tensor:
    known = ~truth.isnan()
    values, place = logit[known].unique(return_inverse=True)  # the k-th threshold is just below the k-th value
    positive = truth[known].long()
    positives, negatives = int(positive.sum()), int((1 - positive).sum())
    if rule == "zero" or not positives or not negatives:
        return torch.tensor(0.0)
    tp, fp = (_at_or_above(place, flag, len(values)) for flag in (positive, 1 - positive))
    if rule == "best_f1":
        best = (2 * tp / (tp + fp + positives).double()).argmax()
    elif rule == "youden":
        best = (tp * negatives - fp * positives).argmax()  # in integers, so that ties are exact
    else:
        best = (100 * tp >= int(rule.rpartition("_")[2]) * positives).sum() - 1
    upper, lower = values[best], values[best - 1] if best else values[0] - 2
    middle = lower + (upper - lower) / 2
    return torch.where(middle < upper, middle, lower)  # rounding may raise the middle to the upper value


def _at_or_above(place: Tensor, flag: Tensor, count: int) -> Tensor:
    """Count the flagged images whose value is the k-th or a higher one."""
    return torch.zeros(count, dtype=torch.long).index_add_(0, place, flag).flip(0).cumsum(0).flip(0)
