"""Jackknife intervals against cases by hand, Student's interval, DeLong's variance, scipy's BCa and a simulation."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from dermoscopy.metrics.intervals import (
    Spread,
    block_weights,
    combined,
    interval,
    jackknife,
    over_trainings,
    spread,
    t_ends,
    t_p,
)
from dermoscopy.metrics.statistics import Floats
from dermoscopy.report.results.label_predictions import Predictions

FEW = np.array([1.0, 2.0, 4.0, 5.0])


@dataclass(frozen=True)
class Means:
    """One value per image; the score is their weighted mean."""

    id: NDArray[np.object_]
    group: NDArray[np.object_]
    values: Floats

    def score(self, name: str, weight: Floats) -> Floats:
        return weight @ self.values / weight.sum(1)


def means(values: Floats, group: NDArray[np.object_] | None = None) -> Means:
    ids = np.array([f"i{k:03}" for k in range(len(values))], dtype=object)
    return Means(ids, ids if group is None else group, values)


def ranked(positives: int, negatives: int, shift: float, seed: int) -> Predictions:
    rng, number = np.random.default_rng(seed), positives + negatives
    truth = (np.arange(number) < positives).astype(float)[:, None]
    ids = np.arange(number).astype(object)
    return Predictions(ids, ids, truth, rng.normal(size=(number, 1)) + shift * truth)


def left_out(table: Means | Predictions, score: str = "mean") -> Floats:
    return jackknife([table], score)[:, 0]


def test_the_standard_error_of_a_mean_by_hand():
    values = left_out(means(FEW))  # 11/3, 10/3, 8/3, 7/3 without 1, 2, 4, 5
    assert sorted(values) == pytest.approx([7 / 3, 8 / 3, 10 / 3, 11 / 3])
    error, freedom = spread(values)
    assert error == pytest.approx(np.sqrt(10 / 3 / 4))  # s^2 = (4 + 1 + 1 + 4) / 3, divided by n
    assert freedom == 3  # the kurtosis 4 (16 + 1 + 1 + 16) / 100 is below that of a normal distribution


def test_the_degrees_of_freedom_of_a_rare_value_by_hand():
    values = np.array([9.0] + [-1.0] * 9)  # sum d^2 = 90, sum d^4 = 6570: kurtosis 10 x 6570 / 8100 = 8.111
    assert spread(values).freedom == pytest.approx(20 / (65700 / 8100 - 7 / 9))


def test_the_interval_and_the_p_value_of_a_mean_are_those_of_student():
    expected = stats.ttest_1samp(FEW, 0.5)
    assert interval(3.0, left_out(means(FEW))) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert interval(3.0, left_out(means(FEW)), level=0.8) == pytest.approx(tuple(expected.confidence_interval(0.8)))
    assert t_p(3.0 - 0.5, spread(left_out(means(FEW)))) == pytest.approx(expected.pvalue)


def test_the_interval_of_a_share_is_that_of_its_logit():
    values = left_out(means(np.repeat([0.0, 1.0], [5, 15])))
    error, freedom = spread(values)
    half = stats.t.ppf(0.975, freedom) * error / (0.75 * 0.25)
    ends = [1 / (1 + np.exp(-(np.log(3) + sign * half))) for sign in (-1, 1)]
    assert interval(0.75, values, bounded=True) == pytest.approx(ends)
    assert 0 < ends[0] < 0.75 < ends[1] < 1


def test_the_standard_error_of_the_auroc_agrees_with_delong():
    table = ranked(30, 90, 1.0, seed=0)
    scores = table.logit[:, 0]
    wins = scores[:30, None] > scores[None, 30:]
    expected = wins.mean(1).var(ddof=1) / 30 + wins.mean(0).var(ddof=1) / 90
    assert spread(left_out(table, "auroc")).error == pytest.approx(np.sqrt(expected), rel=0.02)


@pytest.mark.parametrize("score", ["auroc", "average_precision"])
def test_the_interval_of_many_images_agrees_with_the_bca_bootstrap_of_scipy(score):
    table = ranked(80, 120, 1.0, seed=1)
    estimate = table.score(score, np.ones((1, 200)))[0]

    def resampled(index, axis):
        counts = np.stack([np.bincount(row, minlength=200) for row in index.reshape(-1, index.shape[-1])])
        return table.score(score, counts.astype(float)).reshape(index.shape[:-1])

    rng = np.random.default_rng(0)
    images = (np.arange(200),)
    expected = stats.bootstrap(images, resampled, n_resamples=1999, method="BCa", rng=rng).confidence_interval
    ends = interval(estimate, left_out(table, score), bounded=True)
    assert ends == pytest.approx(tuple(expected), abs=0.1 * (expected.high - expected.low))


def test_a_difference_is_established_where_its_interval_excludes_the_null():
    rng = np.random.default_rng(0)
    tested = [means(rng.normal(size=12) ** 2 + shift) for shift in np.linspace(-1, 1, 41)]
    results = [(table.values.mean(), left_out(table)) for table in tested]
    outside = [not low < 1 < high for low, high in (interval(*result) for result in results)]
    assert outside == [t_p(estimate - 1, spread(values)) < 0.05 for estimate, values in results]
    assert 0 < sum(outside) < len(outside)


def test_independent_variances_add_up_by_hand():
    error, freedom = combined(Spread(3.0, 2.0), Spread(4.0, 8.0))
    assert error == pytest.approx(5)
    assert freedom == pytest.approx(25**2 / (9**2 / 2 + 16**2 / 8))


def test_the_interval_over_images_and_trainings_is_that_of_welch():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=9), rng.normal(1, 2, size=5)
    expected = stats.ttest_ind(first, second, equal_var=False)
    estimate, values = first.mean() - second.mean(), left_out(means(first))
    assert spread(values).freedom == 8
    trainings = over_trainings(second.std(ddof=1), 5)
    assert trainings == pytest.approx((second.std(ddof=1) / np.sqrt(5), 4))
    both = combined(spread(values), trainings)
    assert t_ends(estimate, both) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert t_p(estimate, both) == pytest.approx(expected.pvalue)
    assert np.isnan(over_trainings(1.0, 1)).all()


def test_spreads_of_several_comparisons_are_those_of_each():
    images, trainings = [Spread(3.0, 2.0), Spread(np.nan, np.nan)], [over_trainings(4.0, 2), over_trainings(1.0, 3)]
    both = combined(Spread(*np.transpose(images)), over_trainings(np.array([4.0, 1.0]), np.array([2, 3])))
    alone = [combined(*parts) for parts in zip(images, trainings, strict=True)]
    assert np.transpose(both) == pytest.approx(np.array(alone), nan_ok=True)
    estimate = np.array([1.0, 2.0])
    assert np.transpose(t_ends(estimate, both))[0] == pytest.approx(t_ends(1.0, alone[0]))
    assert t_p(estimate, both) == pytest.approx([t_p(1.0, alone[0]), np.nan], nan_ok=True)


def test_blocks_are_whole_groups_and_block_weights_every_image_once():
    group = np.array(["a", "a", "b", "c", "c", "c", "d", "e"], dtype=object)
    weights = next(block_weights([group], blocks=3))
    assert weights.shape == (3, 8)
    assert ((1 - weights).sum(0) == 1).all()
    assert all(len(set(column)) == 1 for name in "ace" for column in [map(tuple, weights.T[group == name])])
    assert next(block_weights([group])).shape == (5, 8)


def test_predictors_share_the_blocks_of_the_images_that_both_have():
    rng = np.random.default_rng(0)
    whole = means(rng.normal(size=10))
    part = Means(whole.id[:6], whole.group[:6], whole.values[:6])
    both = jackknife([whole, part], "mean", blocks=5)
    first, second = block_weights([whole.group, part.group], blocks=5)
    assert (first[:, :6] == second).all()
    assert both[:, 0] == pytest.approx(whole.score("mean", first))
    assert both[:, 1] == pytest.approx(part.score("mean", second))


def test_what_no_image_changes_and_what_is_undefined_without_one_has_no_interval():
    for values in (np.full(10, 0.3), np.array([0.1, np.nan, 0.3]), np.array([0.5])):
        assert np.isnan(interval(0.3, values)).all()
        assert np.isnan(t_p(0.3, spread(values)))
    assert np.isnan(interval(1.0, np.array([0.8, 1.0, 1.0]), bounded=True)).all()
    alone = ranked(1, 9, 1.0, seed=0)
    assert np.isnan(spread(left_out(alone, "average_precision"))).all()


def test_intervals_of_a_mean_over_few_images_cover():
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(400):  # 16 of 100 images count, as with a rare label; their values are skewed
        values = np.zeros(100)
        values[:16] = rng.beta(3, 1.5, size=16)
        counted = np.arange(100) < 16
        weights = next(block_weights([np.arange(100).astype(object)]))
        low, high = interval(values[:16].mean(), weights @ values / (weights @ counted), bounded=True)
        hits.append(low < 2 / 3 < high)
    assert 0.93 <= np.mean(hits) <= 0.98
