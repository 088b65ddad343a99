"""Detectable differences, repeats needed and equivalence against simulations and scipy."""

import numpy as np
import pytest
from scipy import stats

from dermoscopy.metrics.intervals import Spread
from dermoscopy.metrics.power import POWER, detectable, equivalence_p, repeats_needed, smallest_detectable
from dermoscopy.metrics.repeats import FIXED_SPLIT, OWN_SPLITS, Design

FIXED, OWN = Design(FIXED_SPLIT), Design(OWN_SPLITS, 0.25)


def test_the_detectable_difference_is_found_in_four_of_five_simulated_sweeps() -> None:
    rng, n, sd = np.random.default_rng(0), 5, 0.02
    difference = detectable(sd, n, FIXED)
    values = rng.normal(difference, sd, (20_000, n))
    p = stats.ttest_1samp(values, 0, axis=1).pvalue
    assert np.mean(p < 0.05) == pytest.approx(POWER, abs=0.01)


def test_the_correction_scales_the_detectable_difference_by_its_factor() -> None:
    factor = np.sqrt((1 / 4 + 0.25) / (1 / 4))
    assert detectable(0.02, 4, OWN) == pytest.approx(factor * detectable(0.02, 4, FIXED))
    assert detectable(0.02, 4, OWN, alpha=0.01) > detectable(0.02, 4, OWN)


def test_repeats_that_share_images_leave_a_floor() -> None:
    floor = smallest_detectable(0.02, OWN)
    assert floor == pytest.approx((1.959964 + 0.841621) * 0.02 * 0.5, rel=1e-5)
    assert detectable(0.02, 1000, OWN) == pytest.approx(floor, rel=0.01)
    assert repeats_needed(0.99 * floor, 0.02, OWN) is None
    assert smallest_detectable(0.02, FIXED) == 0
    assert smallest_detectable(0.02, FIXED, images=Spread(0.01, 1e6)) == pytest.approx(0.028016, rel=1e-4)


@pytest.mark.parametrize("difference", [0.03, 0.05, 0.2])
def test_the_repeats_needed_are_the_first_that_are_enough(difference: float) -> None:
    n = repeats_needed(difference, 0.02, OWN)
    assert n is not None
    assert detectable(0.02, n, OWN) <= difference
    assert n == 2 or detectable(0.02, n - 1, OWN) > difference


def test_in_a_fixed_split_no_number_of_repeats_makes_up_for_few_images() -> None:
    assert repeats_needed(0.02, 0.01, FIXED, images=Spread(0.01, 100)) is None
    images = Spread(0.006, 100)
    assert repeats_needed(0.02, 0.01, FIXED) == 5
    assert repeats_needed(0.02, 0.01, FIXED, images) == 8
    assert detectable(0.01, 7, FIXED, images) > 0.02 > detectable(0.01, 8, FIXED, images)


def test_equivalence_is_two_one_sided_t_tests_of_scipy() -> None:
    values = np.array([0.004, -0.002, 0.006, 0.001])
    lower = stats.ttest_1samp(values, -0.02, alternative="greater").pvalue
    upper = stats.ttest_1samp(values, 0.02, alternative="less").pvalue
    p = equivalence_p(values.mean(), values.std(ddof=1), 4, 0.02, FIXED, Spread(1e-6, 50))
    assert p == pytest.approx(max(lower, upper))


def test_equivalence_in_a_fixed_split_needs_the_test_images_too() -> None:
    own = equivalence_p(0.0, 0.001, 4, 0.02, Design(OWN_SPLITS, 0.0))
    assert own < 0.001
    assert equivalence_p(0.0, 0.001, 4, 0.02, FIXED, Spread(0.02, 30)) == pytest.approx(stats.t.sf(1, 30), abs=1e-3)
    assert np.isnan(equivalence_p(0.0, 0.001, 4, 0.02, FIXED))
    assert np.isnan(equivalence_p(0.0, 0.001, 1, 0.02, FIXED, Spread(0.01, 30)))
    assert np.isnan(equivalence_p(0.0, 0.0, 4, 0.02, OWN))


def test_a_difference_of_exactly_the_margin_is_called_equivalent_in_at_most_five_percent() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.02, 0.004, (5_000, 4))
    p = [equivalence_p(row.mean(), row.std(ddof=1), 4, 0.02, Design(OWN_SPLITS, 0.0)) for row in values]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.01)
