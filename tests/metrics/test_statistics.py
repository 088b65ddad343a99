"""Weighted scores and trivial predictors against cases by hand and second implementations."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score

from dermoscopy.metrics.statistics import ratio
from dermoscopy.metrics.weighted_classification import expected_average_precision
from dermoscopy.report.results.label_predictions import TRIVIAL_SCORES, Predictions, trivial_predictors
from dermoscopy.report.results.test_images import trivial_scores


def made_up(images: int = 40, labels: int = 3, seed: int = 0, groups: int = 40, unknown: float = 0.0) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = (rng.random((images, labels)) < 0.4).astype(float)
    logit = np.round(truth - 0.5 + rng.normal(size=truth.shape), 1)  # rounded, so that there are ties
    truth[rng.random(truth.shape) < unknown] = np.nan
    ids = np.array([f"i{k:03}" for k in range(images)], dtype=object)
    return Predictions(ids, np.array([f"g{k % groups}" for k in range(images)], dtype=object), truth, logit)


def isic_truth() -> np.ndarray:
    """Return labels with 603, 682, 190, 1523 and 100 positives of 2594, as in ISIC 2018 Task 2."""
    truth = np.zeros((2594, 5))
    for label, positives in enumerate((603, 682, 190, 1523, 100)):
        truth[:positives, label] = 1
    return truth


def scores_of(truth: np.ndarray, exclusive: bool = False) -> pd.DataFrame:
    """Return the scores of the trivial predictors on images with these labels."""
    names = np.arange(len(truth)).astype(object)
    table = Predictions(names, names, truth, np.zeros_like(truth), exclusive=exclusive)
    return trivial_scores(trivial_predictors(table), TRIVIAL_SCORES)


def test_trivial_predictors_of_isic_2018_reach_the_published_values() -> None:
    scores = scores_of(isic_truth()).round(3)
    assert scores.loc["always positive", "f1"] == 0.349
    assert scores.loc["never positive", "accuracy"] == 0.761
    assert scores.loc["prevalence", ["f1", "accuracy"]].tolist() == [0.148, 0.796]
    assert scores.loc["shuffled scores", "auroc"] == 0.5


def test_constant_decisions_rank_nothing_and_have_formulas_of_the_prevalence() -> None:
    truth = isic_truth()
    scores, q = scores_of(truth), truth.mean(0)
    constant = scores.drop(index="shuffled scores")
    assert constant[["average_precision", "auroc"]].isna().all(axis=None)
    assert constant["balanced_accuracy"].tolist() == pytest.approx([0.5] * 3)
    assert scores.loc["always positive", "f1"] == pytest.approx(np.mean(2 * q / (1 + q)))
    assert scores.loc["shuffled scores", ["f1", "accuracy"]].isna().all()


def test_a_random_order_is_better_than_the_prevalence_and_as_good_as_the_mean_over_all_orders() -> None:
    for positives, images in ((1, 1), (1, 4), (2, 5), (5, 5), (3, 6)):
        truth = np.arange(images) < positives
        orders = [average_precision_score(truth, order) for order in permutations(range(images))]
        expected = expected_average_precision(np.array([positives, 0]), np.array([images, images]))
        assert expected == pytest.approx([np.mean(orders), np.nan], nan_ok=True)
    truth = isic_truth()[::10]  # 10 to 152 positives of 260
    assert scores_of(truth).loc["shuffled scores", "average_precision"] > truth.mean() + 0.005


def test_without_some_images_a_random_order_has_the_expected_score_of_the_others() -> None:
    truth, kept = isic_truth()[::10], np.arange(260) % 3 > 0
    names = np.arange(len(truth)).astype(object)
    shuffled = trivial_predictors(Predictions(names, names, truth, np.zeros_like(truth)))["shuffled scores"]
    others = scores_of(truth[kept]).loc["shuffled scores"]
    for name in ("average_precision", "auroc"):
        assert shuffled.score(name, kept[None].astype(float))[0] == pytest.approx(others[name])


def test_a_label_without_positives_is_undefined_where_needed_and_excluded_from_the_mean() -> None:
    truth = np.array([[1.0, 0.0], [0.0, 0.0]])
    scores = scores_of(truth)
    assert scores.loc["never positive", "f1"] == 0  # of the first label only
    assert scores.loc["always positive", "f1"] == pytest.approx(2 / 3)
    assert scores.loc["shuffled scores", "average_precision"] == 0.75  # 1 or 1/2, of the first label only
    assert np.isnan(scores_of(np.zeros((3, 1))).loc["never positive", "f1"])


def test_f1_and_average_precision_agree_with_scikit_learn_under_weights() -> None:
    predictor = made_up()
    weight = np.random.default_rng(1).integers(0, 4, size=(5, 40)).astype(float)
    f1, ap = predictor.score("f1", weight), predictor.score("average_precision", weight)
    for row, w in enumerate(weight):
        labels = range(3)
        truth, logit = predictor.truth, predictor.logit
        expected = [f1_score(truth[:, k], logit[:, k] > 0, sample_weight=w) for k in labels]
        assert f1[row] == pytest.approx(np.mean(expected))
        expected = [average_precision_score(truth[:, k], logit[:, k], sample_weight=w) for k in labels]
        assert ap[row] == pytest.approx(np.mean(expected))


def test_unknown_truths_are_left_out() -> None:
    predictor = made_up(labels=1, unknown=0.3)
    known = ~np.isnan(predictor.truth[:, 0])
    expected = average_precision_score(predictor.truth[known, 0], predictor.logit[known, 0])
    assert predictor.score("average_precision", np.ones((1, 40)))[0] == pytest.approx(expected)
    expected = f1_score(predictor.truth[known, 0], predictor.logit[known, 0] > 0)
    assert predictor.score("f1", np.ones((1, 40)))[0] == pytest.approx(expected)


def test_scores_without_known_truths_are_undefined() -> None:
    nothing = made_up(unknown=1.0)
    assert np.isnan(nothing.score("f1", np.ones((1, 40)))).all()
    assert np.isnan(nothing.score("average_precision", np.ones((1, 40)))).all()


def test_a_quotient_by_zero_is_undefined() -> None:
    assert ratio(np.array([0.0, 1.0]), np.array([0.0, 2.0])) == pytest.approx([np.nan, 0.5], nan_ok=True)
