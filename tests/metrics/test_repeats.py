"""Comparison of arms over repeats against cases by hand and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dermoscopy.metrics.repeats import (
    FIXED_SPLIT,
    OWN_SPLITS,
    Design,
    holm,
    one_family,
    paired,
    standard_error,
    t_interval,
)

FIXED = Design(FIXED_SPLIT)


def compare_arms(table: pd.DataFrame, reference: str, design: Design) -> pd.DataFrame:
    """Compare each arm of a table of arms x repeats with the reference, as a report does."""
    return paired(table.drop(index=reference) - table.loc[reference], design)


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.01, np.nan, 0.6])) == pytest.approx([0.02, np.nan, 0.6], nan_ok=True)
    assert np.isnan(holm(np.array([np.nan]))).all()
    assert holm(np.array([])).shape == (0,)
    both = holm(np.array([[0.01, 0.04, 0.03], [0.01, np.nan, 0.6]]))  # each row is a family
    assert both == pytest.approx(np.array([[0.03, 0.06, 0.06], [0.02, np.nan, 0.6]]), nan_ok=True)


def test_the_paired_comparison_agrees_with_scipy_on_the_shared_repeats() -> None:
    table = pd.DataFrame(
        {"s0": [0.40, 0.45, 0.41], "s1": [0.42, 0.44, 0.40], "s2": [0.41, 0.46, np.nan], "s3": [np.nan, 0.9, 0.5]},
        index=["never", "cells", "whole"],
    )
    compared = compare_arms(table, "never", FIXED)
    expected = stats.ttest_rel([0.45, 0.44, 0.46], [0.40, 0.42, 0.41])
    interval = expected.confidence_interval()
    row = compared.loc["cells"]
    assert row[["p", "low", "high"]].tolist() == pytest.approx([expected.pvalue, interval.low, interval.high])
    assert row["difference"] == pytest.approx(0.04)
    assert compared["n"].tolist() == [3, 2]
    (corrected,) = one_family([compared])
    assert corrected.loc["cells", "p_holm"] == pytest.approx(2 * expected.pvalue)


def test_all_tables_of_a_page_are_corrected_as_one_family() -> None:
    tables = [pd.DataFrame({"p": [0.01, np.nan]}), pd.DataFrame({"p": [0.04]}), pd.DataFrame({"p": [0.03]})]
    first, second, third = one_family(tables)
    assert first["p_holm"].tolist() == pytest.approx([0.03, np.nan], nan_ok=True)
    assert (second["p_holm"].tolist(), third["p_holm"].tolist()) == ([pytest.approx(0.06)], [pytest.approx(0.06)])
    assert {*first["family"], *second["family"], *third["family"]} == {3}
    assert one_family([]) == []


def test_a_comparison_in_two_tables_counts_once() -> None:
    first, second = one_family([pd.DataFrame({"p": [0.02, 0.3]}), pd.DataFrame({"p": [0.02, np.nan]})])
    assert first["p_holm"].tolist() == pytest.approx([0.04, 0.3])
    assert second["p_holm"].tolist() == pytest.approx([0.04, np.nan], nan_ok=True)
    assert {*first["family"], *second["family"]} == {2}


def test_the_correction_for_overlapping_training_sets_by_hand() -> None:
    table = pd.DataFrame([[0.0, 0.0], [1.0, 3.0]], index=["a", "b"], columns=["fold 0", "fold 1"])
    row = compare_arms(table, "a", Design(OWN_SPLITS, 0.5)).loc["b"]  # sd^2 = 2, so 2 (1/2 + 1/2) = 2 is the variance
    half = 12.7062 * np.sqrt(2)  # t(0.975, 1)
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([2, 2 - half, 2 + half], abs=1e-3)
    assert row["p"] == pytest.approx(1 - 2 / np.pi * np.arctan(2 / np.sqrt(2)))  # t with one degree is Cauchy


def test_the_correction_agrees_with_the_t_test_of_scipy_shrunk_by_its_factor() -> None:
    rng, ratio = np.random.default_rng(0), 0.25
    values = rng.normal(0.02, 0.03, 10)
    table = pd.DataFrame([np.zeros(10), values], index=["a", "b"])
    row = compare_arms(table, "a", Design(OWN_SPLITS, ratio)).loc["b"]
    t = stats.ttest_1samp(values, 0).statistic / np.sqrt(1 + 10 * ratio)
    assert row["p"] == pytest.approx(2 * stats.t.cdf(-abs(t), 9))
    assert row[["low", "high"]].tolist() == pytest.approx(stats.t.interval(0.95, 9, values.mean(), values.mean() / t))
    assert compare_arms(table, "a", FIXED).loc["b", "p"] == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_with_the_correction_more_repeats_do_not_remove_the_uncertainty() -> None:
    sure, corrected = (standard_error(0.5, 10_000, ratio) for ratio in (0.0, 0.25))
    assert sure == 0.005
    assert corrected == pytest.approx(0.25, abs=0.001)  # sd 1/2 times sqrt(1/4)


@pytest.mark.parametrize("values", [[0.5, np.nan], [0.5, 0.5], [np.nan, np.nan]])
def test_without_spread_there_is_no_p_value(values: list[float]) -> None:
    table = pd.DataFrame([[0.4, 0.4], values], index=["a", "b"], columns=["s0", "s1"])
    assert np.isnan(compare_arms(table, "a", FIXED).loc["b", ["p"]].to_numpy(float)).all()


def test_the_interval_of_one_value_is_undefined_and_of_two_by_hand() -> None:
    assert np.isnan(t_interval(np.array([0.5]))).all()
    assert t_interval(np.array([0.0, 2.0])) == pytest.approx((1 - 12.706, 1 + 12.706), abs=1e-3)  # t(0.975, 1), se 1
