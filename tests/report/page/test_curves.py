"""Curves over epochs and over masks have the means of the arms, and a colour of its own for the arms that matter."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dermoscopy.plots.style import COLOURS, FAINT
from dermoscopy.report.page.curves import arm_palette, condition_charts, learning_chart, learning_charts
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep

CONDITIONS = ("none", "predicted", "revealed_50", "given")


def history(values: dict[str, list[list[float]]]) -> pd.DataFrame:
    rows = [
        (f"{arm}{job}", arm, mode, epoch, value)
        for arm, jobs in values.items()
        for job, curve in enumerate(jobs)
        for epoch, value in enumerate(curve, 1)
        for mode in ("train", "val")
    ]
    return pd.DataFrame(rows, columns=["job", "arm", "mode", "cumulative", "dice"])


def test_a_curve_is_the_mean_over_repeats_up_to_the_shortest() -> None:
    table = history({"a": [[0.2, 0.6, 0.5], [0.4, 0.8]], "b": [[0.1], [0.3]]})
    chart = learning_chart(table, "dice", {"a": COLOURS[0], "b": COLOURS[1]}, "val")
    assert chart is not None
    assert chart.rows == [["a", "2", "0.700 ± 0.141", "0.700", "2"], ["b", "1", "0.200 ± 0.141", "0.200", "1"]]
    assert chart.tips["arm-0.points"] == ["a, epoch 1: 0.300", "a, epoch 2: 0.700"]


@pytest.mark.parametrize("values", [{}, {"a": [[float("nan")]]}])
def test_there_is_no_empty_chart(values: dict[str, list[list[float]]]) -> None:
    assert learning_chart(history(values), "dice", {"a": COLOURS[0]}, "val") is None


def test_scores_and_losses_are_drawn_for_both_modes(make_runs: Callable[..., Path]) -> None:
    sweep = load_sweep(make_runs())
    findings = find(sweep, metric="test/none/f1")
    assert findings is not None
    charts = learning_charts(sweep, findings, arm_palette(findings))
    assert {mode: [chart.name for chart in own] for mode, own in charts.items()} == {
        "val": ["val-score", "val-loss"],
        "train": ["train-score", "train-loss"],
    }


def test_of_many_arms_the_reference_and_the_best_have_colours(make_runs: Callable[..., Path]) -> None:
    findings = find(load_sweep(make_runs()))
    assert findings is not None
    assert list(arm_palette(findings).values()) == list(COLOURS[:3])
    table = pd.DataFrame({"seed 0": [0.1 * k for k in range(9)]}, index=[f"arm{k}" for k in range(9)])
    colours = arm_palette(replace(findings, table=table, reference="arm0"))
    assert [arm for arm, colour in colours.items() if colour == FAINT] == ["arm1", "arm2"]
    assert len(set(colours.values())) == len(COLOURS) + 1


def test_the_curve_over_masks_has_every_condition_that_was_tested(make_classified: Callable[..., Path]) -> None:
    axes = {"zeroing": ["a", "b"], "seed": ["0", "1"]}
    findings = find(load_sweep(make_classified(axes, conditions=CONDITIONS)), metric="test/none/f1")
    assert findings is not None and findings.curves is not None
    (chart,) = condition_charts(findings, arm_palette(findings))
    assert chart.head == ["arm", "none", "revealed 50", "given", "predicted"]
    assert chart.rows[0][1] == f"{findings.curves.mean('none', 'zeroing=a'):.3f}"
    assert len(chart.tips["arm-0.line"]) == 3 and "arm-1.predicted" in chart.tips
    assert condition_charts(replace(findings, curves=None), arm_palette(findings)) == []
