"""Scores: constant predictors, hand-worked cases, undefined values, a second implementation."""

import math

import pytest
import torch
from sklearn import metrics as sklearn_metrics

from dermoscopy.metrics.labels import label_counts, multilabel_scores
from dermoscopy.randomness import generator

ATTRIBUTES = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")
POSITIVES = (603, 682, 190, 1523, 100)  # of the 2594 images of ISIC 2018 Task 2
IMAGES = 2594


@pytest.fixture
def isic() -> torch.Tensor:
    """Labels (2594, 5) with the numbers of positives of ISIC 2018."""
    return torch.stack([(torch.arange(IMAGES) < count).float() for count in POSITIVES], dim=1)


def constant(*values: float) -> torch.Tensor:
    return torch.tensor(values).expand(IMAGES, len(values))


def test_always_positive_scores_the_trivial_values(isic):
    scores = multilabel_scores(constant(1, 1, 1, 1, 1), isic, ATTRIBUTES)
    assert scores["f1"] == pytest.approx(0.349, abs=5e-4)
    assert scores["recall"] == 1
    assert scores["auroc"] == pytest.approx(0.5)
    assert scores["average_precision"] == pytest.approx(sum(POSITIVES) / IMAGES / 5)


def test_always_negative_scores_the_trivial_values(isic):
    scores = multilabel_scores(constant(-1, -1, -1, -1, -1), isic, ATTRIBUTES)
    assert scores["accuracy"] == pytest.approx(0.761, abs=5e-4)
    assert scores["f1"] == 0
    assert math.isnan(scores["precision"])


def test_only_pigment_network_scores_the_trivial_values(isic):
    scores = multilabel_scores(constant(-1, -1, -1, 1, -1), isic, ATTRIBUTES)
    assert scores["f1"] == pytest.approx(0.148, abs=5e-4)
    assert scores["accuracy"] == pytest.approx(0.796, abs=5e-4)


@pytest.mark.parametrize(("labels", "f1"), [((0, 1), 0.397), ((1, 3), 0.578)])
def test_always_positive_on_two_attributes_scores_the_trivial_values(isic, labels, f1):
    scores = multilabel_scores(constant(1, 1), isic[:, labels], [ATTRIBUTES[k] for k in labels])
    assert scores["f1"] == pytest.approx(f1, abs=5e-4)


@pytest.mark.parametrize(("labels", "f1"), [((0, 1, 2, 3, 4), 0.864), ((1, 3), 0.730)])
def test_always_negative_has_the_trivial_f1_of_the_negative_class_on_pooled_labels(isic, labels, f1):
    negative = 1 - isic[:, labels].reshape(-1, 1)
    scores = multilabel_scores(torch.ones_like(negative), negative, ["pooled"])
    assert scores["f1"] == pytest.approx(f1, abs=5e-4)


def test_the_majority_of_two_attributes_scores_the_trivial_accuracy(isic):
    scores = multilabel_scores(constant(-1, 1), isic[:, (1, 3)], ["milia_like_cyst", "pigment_network"])
    assert scores["accuracy"] == pytest.approx(0.662, abs=5e-4)


def test_a_perfect_prediction_scores_one_and_its_opposite_zero(isic):
    perfect = multilabel_scores(isic * 2 - 1, isic, ATTRIBUTES)
    opposite = multilabel_scores(1 - isic * 2, isic, ATTRIBUTES)
    for metric in ("accuracy", "precision", "recall", "f1", "auroc"):
        assert perfect[metric] == 1
        assert opposite[metric] == 0
    assert perfect["average_precision"] == 1


def test_a_case_worked_by_hand():
    logits = torch.tensor([[2.0], [1.0], [-1.0], [-2.0]])
    label = torch.tensor([[1.0], [0.0], [1.0], [0.0]])  # one hit, one false alarm, one miss, one right no
    scores = multilabel_scores(logits, label, ["x"])
    for metric in ("accuracy", "precision", "recall", "f1"):
        assert scores[metric] == 0.5
    assert scores["auroc"] == 0.75  # three of the four pairs stand in the right order
    assert scores["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_unknown_labels_are_left_out():
    logits = torch.tensor([[2.0], [1.0], [-1.0], [5.0]])
    label = torch.tensor([[1.0], [0.0], [1.0], [torch.nan]])
    assert multilabel_scores(logits, label, ["x"]) == multilabel_scores(logits[:3], label[:3], ["x"])


def test_a_label_without_positives_is_undefined_and_leaves_the_mean():
    logits, label = torch.tensor([[2.0, 1.0], [-1.0, -1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    scores = multilabel_scores(logits, label, ["x", "empty"])
    for metric in ("recall", "f1", "average_precision", "auroc"):
        assert math.isnan(scores[f"{metric}/empty"])
        assert scores[metric] == scores[f"{metric}/x"] == 1


def test_scores_agree_with_scikit_learn():
    draw = generator("scores")
    logits = torch.randn((200, 3), generator=draw)
    label = (torch.rand((200, 3), generator=draw) < 0.3).float()
    scores = multilabel_scores(logits, label, ["a", "b", "c"])
    truth, predicted = label.numpy(), (logits > 0).numpy()
    assert scores["f1"] == pytest.approx(sklearn_metrics.f1_score(truth, predicted, average="macro"))
    assert scores["precision"] == pytest.approx(sklearn_metrics.precision_score(truth, predicted, average="macro"))
    assert scores["auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(truth, logits.numpy()), abs=1e-6)
    expected = sklearn_metrics.average_precision_score(truth, logits.numpy())
    assert scores["average_precision"] == pytest.approx(expected, abs=1e-6)


def test_label_counts_leave_out_unknown_labels():
    positives, negatives = label_counts(torch.tensor([[1.0, torch.nan], [0.0, 1.0], [0.0, 0.0]]))
    assert positives.tolist() == [1, 1]
    assert negatives.tolist() == [2, 1]
