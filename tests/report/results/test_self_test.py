"""Simulated sweeps give the rates of known cases, by the same functions that write a page."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dermoscopy.metrics.intervals import spread
from dermoscopy.metrics.power import detectable
from dermoscopy.metrics.repeats import ALPHA, FIXED_SPLIT, OWN_SPLITS, Design, one_family
from dermoscopy.report.results import self_test
from dermoscopy.report.results.comparisons import compare
from dermoscopy.report.results.findings import Findings, find
from dermoscopy.report.results.self_test import SelfTest, simulate, simulate_page
from dermoscopy.report.results.test_images import OverImages
from dermoscopy.report.results.verdicts import equivalent, established
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
RATIO = 0.3


@pytest.fixture
def findings(make_runs: MakeRuns) -> Findings:
    """Findings that the tests give other arms."""
    result = find(load_sweep(make_runs()), meaningful=0.02)
    assert result is not None
    return result


def planned(findings: Findings, design: Design, sd: list[float], n: int, **columns: float) -> Findings:
    """Return findings whose only comparisons are those of arms with these standard deviations and n repeats each."""
    rows = pd.DataFrame({"sd": sd, "n": n, "image_error": np.nan, "image_freedom": np.nan, "p": np.nan} | columns)
    rows.index = pd.Index([f"arm {k}" for k in range(len(sd))])
    basis = replace(findings.basis, design=design)
    return replace(findings, basis=basis, compared=rows, against_trivial=rows.iloc[:0], curves=None)


def near(result: SelfTest, rate: float) -> float:
    """Return four standard errors of the simulation."""
    return 4 * float(np.sqrt(rate * (1 - rate) / result.sweeps))


def test_a_corrected_test_of_one_arm_is_wrong_in_five_percent_of_the_sweeps_and_has_the_planned_power(
    findings: Findings,
) -> None:
    design, n = Design(OWN_SPLITS, RATIO), 5
    sd = 0.02 / detectable(1.0, n, design)
    result = simulate(planned(findings, design, [sd], n))
    (row,) = result.arms.to_dict("records")
    assert row["false_alarm"] == result.any_claim == pytest.approx(ALPHA, abs=near(result, ALPHA))
    assert row["power"] == pytest.approx(0.8, abs=near(result, 0.8))
    assert row["coverage"] == pytest.approx(0.95, abs=near(result, 0.95))


def test_equivalence_is_claimed_wrongly_in_five_percent_of_the_sweeps_and_rightly_where_differences_vary_little(
    findings: Findings,
) -> None:
    result = simulate(planned(findings, Design(OWN_SPLITS, RATIO), [0.002], 4))
    assert result.arms["false_equivalent"].iloc[0] == pytest.approx(ALPHA, abs=near(result, ALPHA))
    assert result.arms["equivalent"].iloc[0] > 0.99


def test_without_the_correction_repeats_that_overlap_give_the_false_alarms_of_theory(findings: Findings) -> None:
    n, plan = 10, planned(findings, Design(OWN_SPLITS, 0.0), [0.01], 10)
    result = simulate(plan, overlap=RATIO)
    expected = 2 * stats.t.sf(stats.t.ppf(0.975, n - 1) / np.sqrt(1 + n * RATIO), n - 1)  # .29
    assert result.any_claim == pytest.approx(expected, abs=near(result, expected))
    assert result.arms["coverage"].iloc[0] == pytest.approx(1 - result.any_claim)
    assert simulate(plan).any_claim == pytest.approx(ALPHA, abs=near(result, ALPHA))


def test_several_arms_with_one_reference_are_one_family(findings: Findings) -> None:
    result = simulate(planned(findings, Design(OWN_SPLITS, RATIO), [0.01, 0.03, 0.0, 0.02], 5))
    assert (result.comparisons, len(result.arms)) == (4, 4)
    assert 0.03 < result.any_claim <= ALPHA + near(result, ALPHA)
    assert result.arms.loc["arm 2", ["false_alarm", "power"]].tolist() == [0, 0]  # equal scores are not tested


@pytest.mark.parametrize("design", [Design(OWN_SPLITS, RATIO), Design(FIXED_SPLIT)])
def test_repeats_share_what_the_design_says_and_arms_the_part_of_their_reference(
    findings: Findings, design: Design
) -> None:
    own = np.array([0.01, 0.03])
    rows = planned(findings, design, list(own), 3, image_error=0.02, image_freedom=30.0).compared.assign(table=0)
    values = self_test._differences(np.random.default_rng(0), rows, 8000, design, design.test_per_train)
    shared = np.full(2, 0.02**2) if design.fixed else RATIO * own**2
    covariance = 0.5 * np.sqrt(np.outer(shared, shared)) * (1 + np.eye(2))  # between repeats
    within = 0.5 * np.outer(own, own) * (1 + np.eye(2)) + covariance
    measured = np.cov(values.transpose(1, 2, 0).reshape(6, -1)).reshape(2, 3, 2, 3)
    assert measured[:, 0, :, 0] == pytest.approx(within, rel=0.1)
    assert measured[:, 0, :, 1] == pytest.approx(covariance, rel=0.1)
    assert (values.var(axis=2, ddof=1)).mean(0) == pytest.approx(own**2, rel=0.05)


def test_in_a_fixed_split_a_difference_must_hold_over_images_too(findings: Findings) -> None:
    plan = planned(findings, Design(FIXED_SPLIT), [0.005], 10, image_error=0.01, image_freedom=40.0)
    result = simulate(plan)
    assert 0.02 < result.any_claim <= ALPHA + near(result, ALPHA)
    assert result.arms["coverage"].iloc[0] == pytest.approx(0.95, abs=0.015)
    unknown = simulate(planned(findings, Design(FIXED_SPLIT), [0.005], 10))
    assert (unknown.any_claim, unknown.arms["power"].iloc[0]) == (0, 0)
    assert np.isnan(unknown.arms["coverage"].iloc[0])


@pytest.mark.parametrize("design", [Design(OWN_SPLITS, RATIO), Design(FIXED_SPLIT)])
def test_simulated_sweeps_get_the_sentences_that_a_page_would_write(findings: Findings, design: Design) -> None:
    plan = planned(findings, design, [0.008, 0.003], 4, image_error=0.004, image_freedom=9.0)
    rows, rng = plan.compared.assign(table=0), np.random.default_rng(1)
    differences = self_test._differences(rng, rows, 50, design, 0.0) + 0.012
    left_out = rng.normal(size=(50, 2, 12)) * 0.003
    spreads = [[spread(values) for values in sweep] for sweep in left_out]
    errors = np.array([[part.error for part in sweep] for sweep in spreads])
    freedom = np.array([[part.freedom for part in sweep] for sweep in spreads])
    kinds = set()
    for k in range(50):
        page = pd.DataFrame(differences[k], index=["a", "b"])
        images = {arm: OverImages(page.loc[arm].mean(), left_out[k, i]) for i, arm in enumerate(page.index)}
        (table,) = one_family([compare(page, design, images)])
        own = rows.assign(image_freedom=freedom[k])
        tested = self_test._tested(differences[k : k + 1], errors[k : k + 1], own, design)
        assert tested[table.columns].to_numpy(float) == pytest.approx(table.to_numpy(float))
        claims = [(bool(established(row)), bool(equivalent(row, plan.basis))) for _, row in table.iterrows()]
        assert claims == list(zip(established(tested), equivalent(tested, plan.basis), strict=True))
        kinds |= set(claims)
    assert len(kinds) > 2


def test_the_same_seed_gives_the_same_rates_and_another_one_others(findings: Findings) -> None:
    first, again, other = (simulate(findings, sweeps=500, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first.arms, again.arms)
    assert not first.arms.equals(other.arms)


def test_all_comparisons_of_the_page_are_simulated_and_arms_without_two_repeats_left_out(findings: Findings) -> None:
    result = simulate(findings, sweeps=500)
    assert result.arms.index.tolist() == ["zeroing=cells_80"]  # whole_50 has one seed
    assert result.comparisons == findings.family == 3  # two arms against the best trivial predictor
    twice = replace(findings, against_trivial=pd.concat([findings.against_trivial, findings.compared]))
    assert simulate(twice, sweeps=500).comparisons == 3
    unknown = simulate(replace(findings, basis=replace(findings.basis, meaningful=None)), sweeps=500)
    assert unknown.arms[["power", "equivalent", "false_equivalent"]].isna().all(axis=None)
    assert unknown.any_claim == result.any_claim


def test_a_sweep_without_two_repeats_of_two_arms_is_refused(make_runs: MakeRuns, make_sweep: MakeRuns) -> None:
    with pytest.raises(ValueError, match="self_test=true needs another arm that shares two done seeds"):
        simulate_page(load_sweep(make_runs(seeds=1)))
    with pytest.raises(ValueError, match="self_test=true needs a sweep with test metrics"):
        simulate_page(load_sweep(make_sweep({"seed": ["0"]}, ["missing"], "other")))
