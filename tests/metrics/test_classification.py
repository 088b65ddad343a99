"""Scores: constant predictors, cases computed by hand, undefined values, exclusive labels, a second implementation."""

import math
import warnings

import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torch.nn.functional import one_hot

from dermoscopy.machine.randomness import generator
from dermoscopy.metrics.classification import known_labels, label_counts, label_scores, log_odds

ATTRIBUTES = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")
POSITIVES = (603, 682, 190, 1523, 100)  # of the 2594 images of ISIC 2018 Task 2
IMAGES = 2594
DECISIONS = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1")
PAUC = "pauc_above_sensitivity_80"
RANKING = ("average_precision", "auroc", PAUC, "sensitivity_at_specificity_90")
CALIBRATION = ("brier", "ece")
RULE = "youden"


@pytest.fixture
def isic() -> torch.Tensor:
    """Labels (2594, 5) with the numbers of positives of ISIC 2018."""
    return torch.stack([(torch.arange(IMAGES) < count).float() for count in POSITIVES], dim=1)


def constant(*values: float) -> torch.Tensor:
    return torch.tensor(values).expand(IMAGES, len(values))


def multilabel(logits, label, names):
    return label_scores(logits, label, names, exclusive=False, thresholds=None, rule=RULE)


def drawn(*shape):
    """Return logits and labels (N, L), drawn independently."""
    draw = generator("scores", *shape)
    return torch.randn(shape, generator=draw), (torch.rand(shape, generator=draw) < 0.3).float()


def test_always_positive_scores_the_trivial_values(isic):
    scores = multilabel(constant(1, 1, 1, 1, 1), isic, ATTRIBUTES)
    assert scores["f1"] == pytest.approx(0.349, abs=5e-4)
    assert (scores["recall"], scores["specificity"], scores["balanced_accuracy"]) == (1, 0, 0.5)
    assert scores["auroc"] == pytest.approx(0.5)
    assert scores[PAUC] == pytest.approx(0.02)  # the corner above the diagonal, .2 wide and high
    assert scores["sensitivity_at_specificity_90"] == 0
    assert scores["average_precision"] == pytest.approx(sum(POSITIVES) / IMAGES / 5)


def test_always_negative_scores_the_trivial_values(isic):
    scores = multilabel(constant(-1, -1, -1, -1, -1), isic, ATTRIBUTES)
    assert scores["accuracy"] == pytest.approx(0.761, abs=5e-4)
    assert (scores["f1"], scores["specificity"], scores["balanced_accuracy"]) == (0, 1, 0.5)
    assert scores["precision"] == 0


def test_the_prevalence_as_the_probability_is_calibrated_and_its_brier_score_is_the_variance(isic):
    prevalence = isic.mean(0)
    scores = multilabel(prevalence.logit().expand_as(isic), isic, ATTRIBUTES)
    assert scores["ece"] == pytest.approx(0, abs=1e-6)
    for name, share in zip(ATTRIBUTES, prevalence.tolist(), strict=True):
        assert scores[f"brier/{name}"] == pytest.approx(share * (1 - share), abs=1e-6)


def test_only_pigment_network_scores_the_trivial_values(isic):
    scores = multilabel(constant(-1, -1, -1, 1, -1), isic, ATTRIBUTES)
    assert scores["f1"] == pytest.approx(0.148, abs=5e-4)
    assert scores["accuracy"] == pytest.approx(0.796, abs=5e-4)


@pytest.mark.parametrize(("labels", "f1"), [((0, 1), 0.397), ((1, 3), 0.578)])
def test_always_positive_on_two_attributes_scores_the_trivial_values(isic, labels, f1):
    scores = multilabel(constant(1, 1), isic[:, labels], [ATTRIBUTES[k] for k in labels])
    assert scores["f1"] == pytest.approx(f1, abs=5e-4)


@pytest.mark.parametrize(("labels", "f1"), [((0, 1, 2, 3, 4), 0.864), ((1, 3), 0.730)])
def test_always_negative_has_the_trivial_f1_of_the_negative_class_on_pooled_labels(isic, labels, f1):
    negative = 1 - isic[:, labels].reshape(-1, 1)
    scores = multilabel(torch.ones_like(negative), negative, ["pooled"])
    assert scores["f1"] == pytest.approx(f1, abs=5e-4)


def test_the_majority_of_two_attributes_scores_the_trivial_accuracy(isic):
    scores = multilabel(constant(-1, 1), isic[:, (1, 3)], ["milia_like_cyst", "pigment_network"])
    assert scores["accuracy"] == pytest.approx(0.662, abs=5e-4)


def test_a_perfect_prediction_scores_one_and_its_opposite_zero(isic):
    perfect = multilabel(isic * 2 - 1, isic, ATTRIBUTES)
    opposite = multilabel(1 - isic * 2, isic, ATTRIBUTES)
    for metric in (*DECISIONS, "auroc", "sensitivity_at_specificity_90"):
        assert perfect[metric] == 1
        assert opposite[metric] == 0
    assert perfect["average_precision"] == 1
    assert (perfect[PAUC], opposite[PAUC]) == (pytest.approx(0.2), 0)
    sure = multilabel(200 * isic - 100, isic, ATTRIBUTES)
    assert (sure["brier"], sure["ece"]) == (0, 0)


def test_a_case_computed_by_hand():
    logits = torch.tensor([[2.0], [1.0], [-1.0], [-2.0]])
    label = torch.tensor([[1.0], [0.0], [1.0], [0.0]])  # true positive, false positive, false negative, true negative
    scores = label_scores(logits, label, ["x"], exclusive=False, thresholds=torch.tensor([-1.5]), rule=RULE)
    for metric in DECISIONS:
        assert scores[metric] == 0.5
    assert scores["auroc"] == 0.75  # three of the four pairs are in the right order
    assert scores["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores[PAUC] == pytest.approx(0.2 / 2)  # one of the two negatives is above the last positive
    assert scores["sensitivity_at_specificity_90"] == 0.5  # one of the two positives is above both negatives
    tuned = {"accuracy": 3 / 4, "balanced_accuracy": 3 / 4, "precision": 2 / 3, "recall": 1, "specificity": 1 / 2}
    for metric, value in (tuned | {"f1": 4 / 5}).items():
        assert scores[f"{metric}_at_{RULE}"] == scores[f"{metric}_at_{RULE}/x"] == pytest.approx(value)


def test_unknown_labels_are_left_out():
    logits, label = drawn(60, 1)
    unknown = torch.cat([label, torch.full((20, 1), torch.nan)])
    more = torch.cat([logits, torch.randn(20, 1, generator=generator("unknown"))])
    threshold = torch.tensor([0.3])
    scores = label_scores(logits, label, ["x"], False, threshold, RULE)
    assert label_scores(more, unknown, ["x"], False, threshold, RULE) == pytest.approx(scores)


def test_a_label_without_positives_is_undefined_and_excluded_from_the_mean():
    logits, label = torch.tensor([[2.0, 1.0], [-1.0, -1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    scores = label_scores(logits, label, ["x", "empty"], False, torch.zeros(2), RULE)
    for metric in ("recall", "f1", "balanced_accuracy", f"f1_at_{RULE}", *RANKING):
        assert math.isnan(scores[f"{metric}/empty"])
        assert scores[metric] == scores[f"{metric}/x"] == (pytest.approx(0.2) if metric == PAUC else 1)
    assert scores["specificity/empty"] == 0.5
    assert math.isnan(multilabel(logits, 1 - label, ["x", "full"])["specificity/full"])


def test_a_label_without_known_values_is_undefined_in_every_metric():
    logits, label = drawn(40, 2)
    label[:, 1] = torch.nan
    for exclusive in (False, True):
        scores = label_scores(logits, label, ["x", "unknown"], exclusive, torch.zeros(2), RULE)
        assert scores.pop("images", None) == (0 if exclusive else None)
        assert all(math.isnan(value) for name, value in scores.items() if name.endswith("/unknown") or exclusive)
        assert exclusive or not any(math.isnan(value) for name, value in scores.items() if "/" not in name)


def test_decisions_and_ranking_agree_with_scikit_learn():
    logits, label = drawn(200, 3)
    thresholds = torch.tensor([-0.5, 0.2, 1.0])
    scores = label_scores(logits, label, ["a", "b", "c"], False, thresholds, RULE)
    truth = label.numpy()
    for suffix, predicted in (("", logits > 0), (f"_at_{RULE}", logits > thresholds)):
        pairs = [(truth[:, k], predicted[:, k].numpy()) for k in range(3)]
        expected = {
            "accuracy": [sklearn_metrics.accuracy_score(*pair) for pair in pairs],
            "balanced_accuracy": [sklearn_metrics.balanced_accuracy_score(*pair) for pair in pairs],
            "precision": [sklearn_metrics.precision_score(*pair) for pair in pairs],
            "recall": [sklearn_metrics.recall_score(*pair) for pair in pairs],
            "specificity": [sklearn_metrics.recall_score(*pair, pos_label=0) for pair in pairs],
            "f1": [sklearn_metrics.f1_score(*pair) for pair in pairs],
        }
        for metric, values in expected.items():
            assert [scores[f"{metric}{suffix}/{name}"] for name in "abc"] == pytest.approx(values)
            assert scores[f"{metric}{suffix}"] == pytest.approx(sum(values) / 3)
    assert scores["auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(truth, logits.numpy()), abs=1e-6)
    expected = sklearn_metrics.average_precision_score(truth, logits.numpy())
    assert scores["average_precision"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("negatives", [7, 10, 20, 30, 100])
def test_sensitivity_at_a_specificity_is_that_above_all_but_a_tenth_of_the_negatives(negatives):
    logits, label = drawn(negatives + 50, 1)
    label[:, 0] = (torch.arange(len(label)) >= negatives).float()
    allowed = negatives // 10  # false positives
    limit = logits[:negatives].sort(0, descending=True).values[allowed]
    scores = multilabel(logits, label, ["x"])
    assert scores["sensitivity_at_specificity_90"] == pytest.approx((logits[negatives:] > limit).float().mean().item())


@pytest.mark.parametrize("images", [5, 12, 40, 111])
def test_ranking_scores_of_tied_logits_agree_with_scikit_learn_and_an_exhaustive_search(images):
    logits, label = drawn(images, 1)
    logits, label[:2, 0] = logits.round(), torch.tensor([0.0, 1.0])
    scores, truth, logit = multilabel(logits, label, ["x"]), label[:, 0].numpy(), logits[:, 0].numpy()
    assert scores["auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(truth, logit), abs=1e-6)
    assert scores["average_precision"] == pytest.approx(sklearn_metrics.average_precision_score(truth, logit), abs=1e-6)
    turned = sklearn_metrics.roc_auc_score(1 - truth, -logit, max_fpr=0.2)  # from .5 for the diagonal to 1
    assert scores[PAUC] == pytest.approx(0.02 + 0.18 * (turned - 0.5) / 0.5, abs=1e-6)
    above = [logit >= limit for limit in (*set(logit), math.inf)]
    allowed = [predicted for predicted in above if 10 * (predicted & (truth == 0)).sum() <= (truth == 0).sum()]
    best = max((predicted & (truth == 1)).sum() for predicted in allowed) / (truth == 1).sum()
    assert scores["sensitivity_at_specificity_90"] == pytest.approx(best)


@pytest.fixture
def classes():
    """Logits, one-hot labels (90, 4) and the true class of exclusive labels, unknown for every tenth image."""
    draw = generator("classes")
    truth = torch.randint(0, 4, (90,), generator=draw)
    label = one_hot(truth, 4).float()
    label[::20], label[10::20, 1] = 0, torch.nan
    return torch.randn((90, 4), generator=draw) + one_hot(truth, 4), label, truth


def test_exclusive_labels_agree_with_scikit_learn_on_the_softmax(classes):
    logits, label, truth = classes
    known = torch.arange(90) % 10 != 0
    scores = label_scores(logits, label, "abcd", exclusive=True, thresholds=torch.full((4,), -1.0), rule=RULE)
    probability, predicted, truth = logits.softmax(1)[known].double(), logits.argmax(1)[known], truth[known]
    assert scores["recall"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(truth, predicted))
    assert scores["f1"] == pytest.approx(sklearn_metrics.f1_score(truth, predicted, average="macro"))
    expected = sklearn_metrics.roc_auc_score(truth, probability, multi_class="ovr", average="macro")
    assert scores["auroc"] == pytest.approx(expected, abs=1e-6)
    for k, name in enumerate("abcd"):
        one, at = (truth == k).numpy(), probability[:, k].numpy()
        assert scores[f"brier/{name}"] == pytest.approx(sklearn_metrics.brier_score_loss(one, at), abs=1e-6)
        tuned = at > 1 / (1 + math.e)  # log-odds above -1, each label against the rest
        assert scores[f"f1_at_{RULE}/{name}"] == pytest.approx(sklearn_metrics.f1_score(one, tuned))
        of_class = (predicted == k).numpy()
        assert scores[f"accuracy/{name}"] == sklearn_metrics.accuracy_score(one, of_class)
        assert scores[f"balanced_accuracy/{name}"] == sklearn_metrics.balanced_accuracy_score(one, of_class)


@pytest.mark.parametrize("absent", [False, True])
def test_accuracies_of_exclusive_labels_equal_those_of_scikit_learn_to_the_last_digit(absent):
    for number in range(20):
        draw = generator("exclusive accuracies", number)
        truth = torch.randint(0, 4 if absent else 5, (60,), generator=draw)
        label, logits = one_hot(truth, 5).float(), torch.randn((60, 5), generator=draw) + one_hot(truth, 5)
        label[torch.rand(60, generator=draw) < 0.1] = torch.nan
        label[torch.rand(60, generator=draw) < 0.1] = 0
        known = label.sum(1) == 1
        scores = label_scores(logits, label, "abcde", exclusive=True, thresholds=torch.zeros(5), rule=RULE)
        truth, predicted = truth[known], logits.argmax(1)[known]
        assert scores["accuracy"] == sklearn_metrics.accuracy_score(truth, predicted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that are only predicted
            assert scores["balanced_accuracy"] == sklearn_metrics.balanced_accuracy_score(truth, predicted)
        assert scores["precision"] == sklearn_metrics.precision_score(truth, predicted, average="macro")
        assert not {f"accuracy_at_{RULE}", f"balanced_accuracy_at_{RULE}", "top1"} & scores.keys()
        assert {f"accuracy_at_{RULE}/a", f"balanced_accuracy_at_{RULE}/a", f"recall_at_{RULE}"} <= scores.keys()


def test_a_class_that_is_never_predicted_counts_in_the_precision_as_in_scikit_learn():
    label = one_hot(torch.tensor([0, 0, 0, 1, 1, 2]), 4).float()  # the fourth class is absent and never predicted
    logits = one_hot(torch.tensor([0, 0, 1, 1, 1, 0]), 4) + 0.5
    scores = label_scores(logits, label, "abcd", exclusive=True, thresholds=None, rule=RULE)
    expected = sklearn_metrics.precision_score(label.argmax(1), logits.argmax(1), average="macro", zero_division=0)
    assert scores["precision"] == pytest.approx(expected) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert scores["precision/c"] == 0 and math.isnan(scores["precision/d"])


def test_accuracies_of_exclusive_labels_by_hand():
    logits = torch.tensor([[2.0, 1, 0], [2.0, 1, 0], [2.0, 1, 0], [0.0, 1, 0], [2.0, 1, 0]])
    label = one_hot(torch.tensor([0, 0, 0, 1, 1]), 3).float()  # the third class has no image
    scores = label_scores(logits, label, "abc", exclusive=True, thresholds=None, rule=RULE)
    assert (scores["accuracy"], scores["balanced_accuracy"]) == (4 / 5, (1 + 1 / 2) / 2)
    assert (scores["accuracy/a"], scores["balanced_accuracy/a"]) == (4 / 5, (1 + 1 / 2) / 2)  # a against the rest
    assert (scores["accuracy/b"], scores["accuracy/c"]) == (4 / 5, 1)


def test_exclusive_labels_do_not_change_with_a_constant_added_to_the_logits_of_an_image(classes):
    logits, label, _ = classes
    shifted = logits + torch.arange(90.0).unsqueeze(1)
    one, other = (
        label_scores(z, label, "abcd", exclusive=True, thresholds=torch.zeros(4), rule=RULE) for z in (logits, shifted)
    )
    assert one == pytest.approx(other, abs=1e-4)


def test_log_odds_are_the_logits_of_the_softmax_and_keep_their_order():
    logits = torch.tensor([[1.0, 2.0, 3.0], [40.0, 0.0, -40.0]])
    odds = log_odds(logits, exclusive=True)
    assert torch.allclose(odds[0].double(), logits[0].double().softmax(0).logit())
    assert torch.allclose(odds[1], torch.tensor([40.0, -40.0, -80.0]))  # where a softmax would round to 1 and 0
    assert log_odds(logits, exclusive=False) is logits


def test_an_exclusive_row_is_known_as_a_whole_or_not_at_all():
    label = torch.tensor([[0.0, 1.0], [0.0, 0.0], [1.0, torch.nan], [1.0, 1.0]])
    assert known_labels(label, exclusive=True).isnan().all(1).tolist() == [False, True, True, True]
    assert label_scores(torch.zeros(4, 2), label, ["a", "b"], True, None, RULE)["images"] == 1
    assert known_labels(label, exclusive=False) is label


def test_label_counts_leave_out_unknown_labels():
    positives, negatives = label_counts(torch.tensor([[1.0, torch.nan], [0.0, 1.0], [0.0, 0.0]]))
    assert positives.tolist() == [1, 1]
    assert negatives.tolist() == [2, 1]


def test_large_logits_keep_their_order():
    logits, label = torch.tensor([[18.0], [19.0], [25.0], [30.0]]), torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    scores = label_scores(logits, label, ["x"], exclusive=False, thresholds=None, rule=RULE)
    names = ("auroc", "average_precision", "sensitivity_at_specificity_90")
    assert [scores[name] for name in names] == [1, 1, 1]
    even = label_scores(torch.full((4, 1), 40.0), label, ["x"], exclusive=False, thresholds=None, rule=RULE)
    assert even["auroc"] == 0.5
