"""Scores of labels under weights: by hand, against scikit-learn, and undefined cases."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, recall_score, roc_auc_score

from dermoscopy.metrics.weighted_classification import (
    DECISIONS,
    PAUC,
    RANKING,
    Counts,
    auroc,
    average_precision,
    decision_score,
    expected_average_precision,
    outcomes,
    partial_auroc,
    predicted_labels,
)


def test_auroc_agrees_with_scikit_learn_under_weights_and_ties() -> None:
    rng = np.random.default_rng(0)
    truth, logit, weight = rng.integers(0, 2, 40).astype(float), rng.integers(0, 6, 40) / 2, rng.random((4, 40))
    expected = [roc_auc_score(truth, logit, sample_weight=w) for w in weight]
    assert auroc(truth, logit, weight) == pytest.approx(expected)


def published(truth: np.ndarray, logit: np.ndarray, weight: np.ndarray) -> float:
    """Return the primary metric of ISIC 2024: labels and scores turned round, and scikit-learn's scale undone."""
    largest = 0.2  # of the turned curve's false positive rate
    scaled = roc_auc_score(1 - truth, -logit, max_fpr=largest, sample_weight=weight)
    least = largest**2 / 2
    return least + (largest - least) * (scaled - 0.5) / 0.5


def area_above(truth: np.ndarray, logit: np.ndarray, weight: np.ndarray) -> float:
    """Integrate the ROC curve above a sensitivity of 0.8, from one threshold to the next, in slices of its height."""
    points = [(0.0, 0.0)]
    for limit in sorted(set(logit), reverse=True):
        above = logit >= limit
        points.append(tuple(weight[above & (truth == kind)].sum() / weight[truth == kind].sum() for kind in (0, 1)))
    height = 0.8 + 0.2 * (np.arange(20_000) + 0.5) / 20_000
    fpr, tpr = np.array(points).T
    steps = np.flatnonzero(np.diff(tpr))  # level ones have no height
    part = steps[np.searchsorted(tpr[steps + 1], height).clip(max=len(steps) - 1)]
    reached = fpr[part] + (height - tpr[part]) / (tpr[part + 1] - tpr[part]) * (fpr[part + 1] - fpr[part])
    return 0.2 * float(np.mean(1 - reached))


def test_the_area_above_a_sensitivity_is_that_of_cases_by_hand() -> None:
    def area(truth: list[int], logit: list[float], weight: list[float] | None = None) -> float:
        weights = np.array([weight or [1.0] * len(truth)])
        return float(partial_auroc(np.array(truth, float), np.array(logit, float), weights)[0])

    assert area([1, 1, 0, 0], [4, 3, 2, 1]) == pytest.approx(0.2)  # perfect
    assert area([0, 0, 1, 1], [4, 3, 2, 1]) == 0
    assert area([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx(0.2 / 2)  # the last half of recall, after one of two
    assert area([1, 0, 1, 0], [0, 0, 0, 0]) == pytest.approx(0.2**2 / 2)  # one line from corner to corner
    # five of ten positives first, then five tied with one of two negatives: at recall .8 it is passed to 3/5
    assert area([1] * 10 + [0, 0], [9] * 5 + [5] * 5 + [5, 1]) == pytest.approx(0.2 * (1 - (0.6 + 1) / 2 / 2))
    # a third positive counts as four, so that recall .8 is within it
    assert area([1, 0, 1, 0], [4, 3, 2, 1], [1, 1, 4, 3]) == pytest.approx(0.2 * (1 - 1 / 4))
    assert area([1, 0, 1, 0], [4, 3, 2, 1], [1, 0, 0, 3]) == pytest.approx(0.2)  # what has no weight is not there


@pytest.mark.parametrize("levels", [3, 8, 10_000])
def test_the_area_above_a_sensitivity_agrees_with_the_published_formula_and_an_integral(levels: int) -> None:
    rng = np.random.default_rng(levels)
    for images in (6, 40, 300):
        truth = rng.integers(0, 2, images).astype(float)
        truth[:2] = 0, 1
        logit = np.round(truth + rng.normal(size=images), 12) if levels == 10_000 else rng.integers(0, levels, images)
        weight = np.stack([np.ones(images), rng.random(images) + 0.1, rng.integers(1, 4, images).astype(float)])
        areas = partial_auroc(truth, logit.astype(float), weight)
        assert areas == pytest.approx([published(truth, logit, w) for w in weight], abs=1e-12)
        assert areas == pytest.approx([area_above(truth, logit, w) for w in weight], abs=1e-5)
        whole = auroc(truth, logit.astype(float), weight)
        assert ((areas >= 0) & (areas <= 0.2) & (areas <= whole)).all()


def test_a_ranking_at_random_has_a_fiftieth_above_a_sensitivity_of_four_fifths() -> None:
    rng, truth = np.random.default_rng(0), (np.arange(600) < 300).astype(float)
    drawn = [partial_auroc(truth, rng.random(600), np.ones((1, 600)))[0] for _ in range(300)]
    assert np.mean(drawn) == pytest.approx(0.02, abs=4 * np.std(drawn) / 300**0.5 + 1e-3)


def test_a_label_without_positives_or_negatives_has_no_ranking() -> None:
    one_sided = dict.fromkeys(("auroc", PAUC), np.nan)
    for truth, expected in ((0.0, one_sided | {"average_precision": np.nan}), (1.0, one_sided)):
        for name, score in RANKING.items():
            scores = score(np.full(4, truth), np.arange(4.0), np.ones((2, 4)))
            assert scores == pytest.approx([expected.get(name, 1.0)] * 2, nan_ok=True)


def test_decisions_are_counted_by_hand() -> None:
    truth = np.array([[1, 0], [1, np.nan], [0, 1], [0, 1]], float)
    logit = np.array([[2, 1], [-1, 3], [0.5, 2], [-2, -1]], float)
    counts = outcomes(predicted_labels(logit, exclusive=False), truth)
    assert [kind.sum(0).tolist() for kind in counts] == [[1, 1], [1, 1], [1, 0], [1, 1]]
    likeliest = predicted_labels(logit, exclusive=True)
    assert likeliest.tolist() == [[True, False], [False, True], [False, True], [False, True]]


def test_decisions_keep_the_precision_of_their_counts() -> None:
    counts = Counts(*(np.array([[n]], np.float32) for n in (1, 2, 3, 0)))
    scores = {name: float(score(counts)[0, 0]) for name, score in DECISIONS.items()}
    assert {score(counts).dtype for score in DECISIONS.values()} == {np.dtype(np.float32)}
    expected = {"recall": 1, "specificity": 3 / 5, "balanced_accuracy": 4 / 5, "precision": 1 / 3}
    assert scores == pytest.approx(expected | {"f1": 2 / 4, "accuracy": 4 / 6}, rel=1e-6)


def test_accuracies_of_exclusive_labels_agree_with_scikit_learn_under_weights() -> None:
    rng = np.random.default_rng(0)
    true, logit = rng.integers(0, 3, 50), rng.normal(size=(50, 3))
    weight, predicted = rng.integers(0, 4, (5, 50)).astype(float), logit.argmax(1)
    kinds = outcomes(predicted_labels(logit, exclusive=True), np.eye(3)[true])
    counts = Counts(*(weight @ kind for kind in kinds))
    accuracy, balanced = (decision_score(name, counts, True) for name in ("accuracy", "balanced_accuracy"))
    for row, of_image in enumerate(weight):
        assert accuracy[row] == pytest.approx(accuracy_score(true, predicted, sample_weight=of_image))
        recall = recall_score(true, predicted, sample_weight=of_image, average="macro")
        assert balanced[row] == pytest.approx(recall)
    one = decision_score("accuracy", counts, exclusive=False)
    assert one == pytest.approx(np.mean(DECISIONS["accuracy"](counts), axis=1))  # labels that may occur together


def test_the_expected_average_precision_is_the_mean_over_all_orders() -> None:
    assert expected_average_precision(1, 2) == pytest.approx((1 + 1 / 2) / 2)  # the positive is first or second
    for images in range(1, 8):
        for positives in range(1, images + 1):
            orders = list(itertools.combinations(range(images), positives))  # ranks of the positives
            truths = [np.isin(np.arange(images), ranks) for ranks in orders]
            precisions = [average_precision_score(truth, -np.arange(images)) for truth in truths]
            assert expected_average_precision(positives, images) == pytest.approx(np.mean(precisions))


def test_the_expected_average_precision_is_that_of_simulated_orders_and_above_the_prevalence() -> None:
    rng, truth = np.random.default_rng(0), (np.arange(60) < 6).astype(float)
    drawn = [average_precision(truth, rng.random(60), np.ones((1, 60)))[0] for _ in range(4000)]
    expected = expected_average_precision(np.array([6, 0, 60]), 60)
    assert expected[0] == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 4000**0.5)
    assert expected[0] > 1.5 * 6 / 60
    assert np.isnan(expected[1]) and expected[2] == pytest.approx(1)
    assert np.isnan(expected_average_precision(0, 0))
