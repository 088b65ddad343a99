"""Thresholds: cases computed by hand, an exhaustive search as second implementation, misspelt rules."""

import pytest
import torch
from torch.nn.functional import one_hot

from dermoscopy.machine.randomness import generator
from dermoscopy.metrics.classification import label_scores, log_odds
from dermoscopy.metrics.thresholds import check_rule, choose_thresholds

RULES = ("best_f1", "youden", "sensitivity_1", "sensitivity_50", "sensitivity_95", "sensitivity_100")
LOGITS = torch.tensor([[-2.0], [-1.0], [0.0], [1.0], [3.0]])
LABEL = torch.tensor([[0.0], [1.0], [0.0], [0.0], [1.0]])


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [
        ("zero", 0.0),
        ("best_f1", -1.5),  # F1 is 2/3 as above 2, and nothing is missed
        ("youden", 2.0),  # sensitivity 1/2 and specificity 1; above -1.5 they are 1 and 1/3
        ("sensitivity_50", 2.0),
        ("sensitivity_51", -1.5),
        ("sensitivity_100", -1.5),
    ],
)
def test_a_case_computed_by_hand(rule, threshold):
    assert choose_thresholds(LOGITS, LABEL, rule, False).tolist() == [threshold]


def quality(rule, logit, truth, threshold):
    """Return the objective of a rule: its score, and for equal scores the lower or higher threshold."""
    predicted, positive = logit > threshold, truth == 1
    tp, wrong = int((predicted & positive).sum()), int((predicted != positive).sum())
    sensitivity = tp / int(positive.sum())
    specificity = int((~predicted & ~positive).sum()) / int((~positive).sum())
    if rule.startswith("sensitivity"):
        enough = round(sensitivity, 9) >= int(rule[len("sensitivity_") :]) / 100
        return enough, threshold
    score = 2 * tp / (2 * tp + wrong) if rule == "best_f1" else sensitivity + specificity
    return round(score, 9), -threshold


@pytest.mark.parametrize(("exclusive", "tied"), [(False, False), (False, True), (True, False)])
@pytest.mark.parametrize("rule", RULES)
def test_an_exhaustive_search_finds_no_better_threshold(rule, exclusive, tied):
    for number in range(3):
        draw = generator("thresholds", number)
        truth = torch.randint(0, 3, (25,), generator=draw)
        label = one_hot(truth, 3).float()
        label[::8] = torch.nan
        logits = torch.randn((25, 3), generator=draw) + label.nan_to_num(0)
        logits = logits.round() if tied else logits
        chosen = choose_thresholds(logits, label, rule, exclusive)
        known = ~label[:, 0].isnan()
        for logit, one, threshold in zip(log_odds(logits, exclusive)[known].T, label[known].T, chosen, strict=True):
            values = logit.unique()
            candidates = [values[0] - 1, *(values[:-1] + values[1:]) / 2, values[-1] + 1]
            best = max(candidates, key=lambda candidate: quality(rule, logit, one, candidate))
            assert threshold.item() == pytest.approx(best.item(), abs=1e-5)


def test_a_sensitivity_is_reached_and_the_best_f1_is_no_lower_than_that_at_zero():
    draw = generator("reached")
    logits = torch.randn((300, 3), generator=draw) - 2
    label = (torch.rand((300, 3), generator=draw) < 0.2).float()
    scores = {
        rule: label_scores(logits, label, "abc", False, choose_thresholds(logits, label, rule, False), rule)
        for rule in ("best_f1", "youden", "sensitivity_90")
    }
    for name in "abc":
        assert 0 <= round(scores["sensitivity_90"][f"recall_at_sensitivity_90/{name}"] - 0.9, 6) < 1 / 20
        assert scores["best_f1"][f"f1_at_best_f1/{name}"] >= scores["best_f1"][f"f1/{name}"]
        tuned = {rule: scores[rule][f"balanced_accuracy_at_{rule}/{name}"] for rule in scores}
        assert max(tuned.values()) == tuned["youden"]


def test_a_label_without_both_classes_has_threshold_0():
    label = torch.tensor([[0.0, 1.0, torch.nan, 1.0], [0.0, 1.0, torch.nan, 0.0]])
    chosen = choose_thresholds(torch.tensor([[5.0] * 4, [3.0] * 4]), label, "best_f1", False)
    assert chosen.tolist() == [0, 0, 0, 4]


def test_if_all_are_predicted_the_threshold_is_below_the_lowest_logit():
    logits, label = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[1.0], [0.0], [0.0]])
    assert choose_thresholds(logits, label, "sensitivity_100", False).tolist() == [0]
    assert choose_thresholds(torch.full((3, 1), 7.0), label, "youden", False).tolist() == [6]


def test_a_threshold_separates_logits_with_no_number_between_them():
    lower = torch.tensor(1.0)
    for _ in range(4):  # the middle is rounded up as often as down
        upper = torch.nextafter(lower, torch.tensor(2.0))
        logits = torch.stack([lower, upper]).unsqueeze(1)
        threshold = choose_thresholds(logits, torch.tensor([[0.0], [1.0]]), "youden", False)
        assert (logits > threshold)[:, 0].tolist() == [False, True]
        lower = upper


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("yuden", "did you mean youden"),
        ("sensitivity90", "did you mean sensitivity_90"),
        ("sensitivity_0", "such as sensitivity_90, got sensitivity_0"),
        ("sensitivity_101", "got sensitivity_101"),
        (0.5, r"model.threshold must be zero, best_f1, youden or a sensitivity .* got 0.5"),
    ],
)
def test_an_unknown_rule_is_refused_with_the_nearest(rule, message):
    with pytest.raises(ValueError, match=message):
        check_rule(rule)
    with pytest.raises(ValueError, match="model.threshold"):
        choose_thresholds(LOGITS, LABEL, rule, False)
