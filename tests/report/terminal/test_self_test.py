"""The self test of a sweep in the terminal: rates of each arm and what they mean, within 80 columns."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dermoscopy.metrics.repeats import OWN_SPLITS, Design
from dermoscopy.report.results.self_test import SelfTest, simulate, simulate_page
from dermoscopy.report.terminal.self_test import print_self_test
from dermoscopy.runs.tables import SweepResults, load_sweep

MakeRuns = Callable[..., Path]


@pytest.fixture
def sweep(make_runs: MakeRuns) -> SweepResults:
    return load_sweep(make_runs())


def printed(sweep: SweepResults, result: SelfTest) -> str:
    console = Console(width=80, file=StringIO())
    print_self_test(sweep, result, console)
    return console.file.getvalue()


def test_each_arm_has_its_rates_with_the_error_of_the_simulation(sweep: SweepResults) -> None:
    result = simulate_page(sweep, meaningful=0.02)
    text = printed(sweep, result)
    assert max(map(len, text.splitlines())) <= 80
    (row,) = [line for line in text.splitlines() if "cells_80" in line]
    arm, n, alarms, power, *_ = (cell.strip() for cell in row.split("│"))
    rates = result.arms.loc["zeroing=cells_80"]
    assert (arm, n) == ("cells_80", "3")
    error = np.sqrt(rates["false_alarm"] * (1 - rates["false_alarm"]) / 4000)
    assert alarms == f"{rates['false_alarm']:.3f} ± {error:.3f}"
    assert power == f"{rates['power']:.2f}"
    words = " ".join(text.split())
    assert "design: fixed split" in words
    assert f"{result.any_claim:.3f} ± {result.error(result.any_claim):.3f} of sweeps without any difference" in words
    assert "can be trusted" in words and "cannot" not in words


def test_sentences_that_err_too_often_are_named(sweep: SweepResults) -> None:
    result = simulate_page(sweep, meaningful=0.02)
    design = Design(OWN_SPLITS, 0.0)  # does not correct for what the simulated repeats share
    findings = replace(result.findings, basis=replace(result.findings.basis, design=design))
    text = " ".join(printed(sweep, simulate(findings, overlap=1.0)).split())
    assert "These sentences cannot be trusted: differences, " in text
    assert "intervals." in text


def test_without_a_smallest_meaningful_difference_its_columns_are_empty(sweep: SweepResults) -> None:
    text = printed(sweep, simulate_page(sweep))
    (row,) = [line for line in text.splitlines() if "cells_80" in line]
    assert [cell.strip() for cell in row.split("│")][3:6] == ["-", "-", "-"]
    assert "within" not in text
