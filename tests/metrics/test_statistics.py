"""Intervals, corrections, bootstrap and trivial predictors against cases by hand and second implementations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score

from dermoscopy.metrics.statistics import bootstrap, compare_arms, holm, percentiles, ratio, standard_error, t_interval
from dermoscopy.report.results.label_predictions import Predictions, trivial_predictors


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


def test_trivial_predictors_of_isic_2018_reach_the_published_values() -> None:
    scores = trivial_predictors(isic_truth(), exclusive=False).round(3)
    assert scores.loc["always positive", "f1"] == 0.349
    assert scores.loc["never positive", "accuracy"] == 0.761
    assert scores.loc["prevalence", ["f1", "accuracy"]].tolist() == [0.148, 0.796]


def test_trivial_formulas_agree_with_scores_of_constant_predictions() -> None:
    truth = isic_truth()
    names = np.arange(len(truth)).astype(object)
    scores = trivial_predictors(truth, exclusive=False)
    for name, constant in (("always positive", 1.0), ("never positive", -1.0)):
        predictor = Predictions(names, names, truth, np.full_like(truth, constant))
        for score in ("f1", "accuracy", "balanced_accuracy"):
            assert predictor.score(score, np.ones((1, len(truth))))[0] == pytest.approx(scores.loc[name, score])
        assert scores.loc[name, ["average_precision", "auroc"]].isna().all()


def test_shuffled_scores_have_the_mean_average_precision_of_random_rankings() -> None:
    truth, rng = isic_truth()[:, 4:], np.random.default_rng(0)  # 100 positives of 2594
    names, once = np.arange(len(truth)).astype(object), np.ones((1, len(truth)))
    drawn = [Predictions(names, names, truth, rng.random(truth.shape)) for _ in range(200)]
    scores = trivial_predictors(truth, exclusive=False).loc["shuffled scores"]
    for name in ("average_precision", "auroc"):
        values = [predictor.score(name, once)[0] for predictor in drawn]
        assert scores[name] == pytest.approx(np.mean(values), abs=4 * np.std(values) / 200**0.5)
    assert scores["average_precision"] > truth.mean() and scores[["accuracy", "f1"]].isna().all()


def test_a_label_without_positives_is_undefined_where_needed_and_excluded_from_the_mean() -> None:
    truth = np.array([[1.0, 0.0], [0.0, 0.0]])
    scores = trivial_predictors(truth, exclusive=False)
    assert scores.loc["never positive", "f1"] == 0  # of the first label only
    assert scores.loc["always positive", "f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert scores.loc["shuffled scores", "average_precision"] == (1 + 1 / 2) / 2  # of the first label
    assert np.isnan(trivial_predictors(np.zeros((3, 1)), exclusive=False).loc["never positive", "f1"])


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


def test_the_bootstrap_is_paired_and_reproducible() -> None:
    one, other = made_up(seed=0), made_up(seed=2)
    samples = bootstrap([one, one, other], "f1", replicates=50, seed=3)
    assert (samples[:, 0] == samples[:, 1]).all()
    assert (samples == bootstrap([one, one, other], "f1", replicates=50, seed=3)).all()
    assert (samples != bootstrap([one, one, other], "f1", replicates=50, seed=4)).any()


def test_one_group_of_all_images_leaves_nothing_to_resample() -> None:
    samples = bootstrap([made_up(groups=1)], "average_precision", replicates=20)
    assert np.ptp(samples) == 0


def test_images_of_few_groups_vary_more_than_independent_ones() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat((rng.random(20) < 0.5).astype(float), 10)[:, None]  # ten equal images per group
    logit = np.repeat(rng.normal(size=20), 10)[:, None]
    ids = np.arange(200).astype(object)
    grouped = bootstrap([Predictions(ids, np.repeat(np.arange(20), 10).astype(object), truth, logit)], "f1")
    alone = bootstrap([Predictions(ids, ids, truth, logit)], "f1")
    assert grouped.std() > 2 * alone.std()


def test_predictors_of_different_images_share_the_draws_of_the_images_that_both_have() -> None:
    whole, n = made_up(images=40), 30
    part = Predictions(whole.id[:n], whole.group[:n], whole.truth[:n], whole.logit[:n])
    alone = bootstrap([whole], "f1", replicates=50)
    both = bootstrap([part, whole], "f1", replicates=50)
    assert (both[:, 1] == alone[:, 0]).all()  # the whole has all groups already
    drawn = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), size=50)
    names = np.unique(whole.group.astype(str)).tolist()
    weight = drawn[:, [names.index(str(group)) for group in part.group]].astype(float)
    assert both[:, 0] == pytest.approx(part.score("f1", weight))


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.01, np.nan, 0.6])) == pytest.approx([0.02, np.nan, 0.6], nan_ok=True)
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_the_paired_comparison_agrees_with_scipy_on_the_shared_repeats() -> None:
    table = pd.DataFrame(
        {"s0": [0.40, 0.45, 0.41], "s1": [0.42, 0.44, 0.40], "s2": [0.41, 0.46, np.nan], "s3": [np.nan, 0.9, 0.5]},
        index=["never", "cells", "whole"],
    )
    compared = compare_arms(table, "never")
    expected = stats.ttest_rel([0.45, 0.44, 0.46], [0.40, 0.42, 0.41])
    interval = expected.confidence_interval()
    row = compared.loc["cells"]
    assert row[["p", "low", "high"]].tolist() == pytest.approx([expected.pvalue, interval.low, interval.high])
    assert row["difference"] == pytest.approx(0.04)
    assert compared["n"].tolist() == [3, 2]
    assert compared.loc["cells", "p_holm"] == pytest.approx(2 * expected.pvalue)


def test_the_correction_for_overlapping_training_sets_by_hand() -> None:
    table = pd.DataFrame([[0.0, 0.0], [1.0, 3.0]], index=["a", "b"], columns=["fold 0", "fold 1"])
    row = compare_arms(table, "a", test_per_train=0.5).loc["b"]  # sd^2 = 2, so 2 (1/2 + 1/2) = 2 is the variance
    half = 12.7062 * np.sqrt(2)  # t(0.975, 1)
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([2, 2 - half, 2 + half], abs=1e-3)
    assert row["p"] == pytest.approx(1 - 2 / np.pi * np.arctan(2 / np.sqrt(2)))  # t with one degree is Cauchy


def test_the_correction_agrees_with_the_t_test_of_scipy_shrunk_by_its_factor() -> None:
    rng, ratio = np.random.default_rng(0), 0.25
    values = rng.normal(0.02, 0.03, 10)
    table = pd.DataFrame([np.zeros(10), values], index=["a", "b"])
    row = compare_arms(table, "a", ratio).loc["b"]
    t = stats.ttest_1samp(values, 0).statistic / np.sqrt(1 + 10 * ratio)
    assert row["p"] == pytest.approx(2 * stats.t.cdf(-abs(t), 9))
    assert row[["low", "high"]].tolist() == pytest.approx(stats.t.interval(0.95, 9, values.mean(), values.mean() / t))
    assert compare_arms(table, "a").loc["b", "p"] == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_with_the_correction_more_repeats_do_not_remove_the_uncertainty() -> None:
    sure, corrected = (standard_error(np.tile([0.0, 1.0], 5000), ratio) for ratio in (0.0, 0.25))
    assert sure < 0.01
    assert corrected == pytest.approx(0.25, abs=0.001)  # sd 1/2 times sqrt(1/4)
    assert np.isnan(standard_error(np.array([1.0]), 0.25))


@pytest.mark.parametrize("values", [[0.5, np.nan], [0.5, 0.5], [np.nan, np.nan]])
def test_without_spread_there_is_no_p_value(values: list[float]) -> None:
    table = pd.DataFrame([[0.4, 0.4], values], index=["a", "b"], columns=["s0", "s1"])
    assert np.isnan(compare_arms(table, "a").loc["b", ["p", "p_holm"]].to_numpy(float)).all()


def test_the_interval_of_one_value_is_undefined_and_of_two_by_hand() -> None:
    assert np.isnan(t_interval(np.array([0.5]))).all()
    assert t_interval(np.array([0.0, 2.0])) == pytest.approx((1 - 12.706, 1 + 12.706), abs=1e-3)  # t(0.975, 1), se 1


def test_percentiles_ignore_undefined_draws() -> None:
    assert percentiles(np.array([0.0, np.nan, 1.0]), level=1.0) == (0.0, 1.0)
    assert np.isnan(percentiles(np.array([np.nan]))).all()


def test_a_quotient_by_zero_is_undefined() -> None:
    assert ratio(np.array([0.0, 1.0]), np.array([0.0, 2.0])) == pytest.approx([np.nan, 0.5], nan_ok=True)
