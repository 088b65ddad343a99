"""Each chart says in a table what it draws, and is left out where nothing is known."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dermoscopy.report.page.charts import MANY, best_first, cost_charts, forest_chart, images_charts, scores_chart
from dermoscopy.report.page.curves import arm_palette
from dermoscopy.report.results.answer import answer
from dermoscopy.report.results.findings import Findings, find
from dermoscopy.runs.tables import SweepResults, load_sweep


def read(folder: Path, **asked: str) -> tuple[SweepResults, Findings]:
    sweep = load_sweep(folder)
    findings = find(sweep, meaningful=0.02, **asked)
    assert findings is not None
    return sweep, findings


def test_the_forest_has_a_row_and_a_tip_per_compared_arm(make_runs: Callable[..., Path]) -> None:
    sweep, findings = read(make_runs())
    chart = forest_chart(findings, answer(sweep, findings))
    assert chart is not None and "0.02" in chart.text and "cannot tell" in chart.text
    assert [row[0] for row in chart.rows] == ["cells_80", "whole_50"]
    assert chart.rows[0][1] == f"{findings.compared['difference'].iloc[0]:+.3f}"
    assert list(chart.tips) == ["row-0", "row-1"] and chart.rows[0][-1] in chart.tips["row-0"][0]


def test_one_arm_is_compared_with_the_best_trivial_predictor_or_not_at_all(
    make_classified: Callable[..., Path],
) -> None:
    sweep, findings = read(make_classified({"seed": ["0", "1"]}, conditions=["none"]))
    chart = forest_chart(findings, answer(sweep, findings))
    assert findings.best_trivial is not None and chart is not None
    assert findings.best_trivial[0] in chart.title and [row[-1] for row in chart.rows] == ["cannot tell"]
    sure = replace(findings, against_trivial=findings.against_trivial.assign(p_holm=0.01))
    chart = forest_chart(sure, answer(sweep, sure))
    assert chart is not None and [row[-1] for row in chart.rows] == ["better"]
    for file in sweep.folder.parents[1].glob("*/predictions.csv"):
        file.unlink()
    assert forest_chart(*read(sweep.folder)[1:], answer(*read(sweep.folder))) is None


def test_scores_name_every_repeat_and_leave_out_those_that_are_not_done(make_runs: Callable[..., Path]) -> None:
    _, findings = read(make_runs())
    chart = scores_chart(findings)
    assert chart is not None
    assert chart.head == ["arm", "n", "mean", "sd", "seed 0", "seed 1", "seed 2"]
    assert chart.rows[2][1] == "1" and chart.rows[2][-2:] == ["-", "-"]
    assert len(chart.tips["row-0.repeats"]) == 3 and len(chart.tips["row-2.repeats"]) == 1
    table = findings.table.copy()
    table.loc["zeroing=cells_80"] = float("nan")
    without = scores_chart(replace(findings, table=table))
    assert without is not None and len(without.rows) == 2 and "1 of 3 arms has no score" in without.text
    assert scores_chart(replace(findings, table=table * float("nan"))) is None


@pytest.mark.parametrize(("metric", "first"), [("f1", "b"), ("brier", "a")])
def test_only_many_arms_are_sorted(metric: str, first: str, make_runs: Callable[..., Path]) -> None:
    folder = make_runs()
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        metrics = {"test/none/average_precision": 0.5, f"test/none/{metric}": 0.5}
        file.write_text(json.dumps(record | {"metrics": metrics}))
    _, findings = read(folder, metric=f"test/none/{metric}")
    few = pd.DataFrame({"mean": [0.1, 0.9]}, index=["a", "b"])
    assert list(best_first(few, "mean", findings).index) == ["a", "b"]
    many = pd.concat([few, pd.DataFrame({"mean": [0.5] * MANY}, index=[f"c{k}" for k in range(MANY)])])
    assert best_first(many, "mean", findings).index[0] == first


def test_classifiers_have_losses_of_single_images_and_jobs_without_predictions_none(
    make_runs: Callable[..., Path],
) -> None:
    folder = make_runs()
    sweep, findings = read(folder)
    (chart,) = images_charts(sweep, findings)
    assert chart.name == "images-loss" and {row[1] for row in chart.rows} == {"60"}
    for file in folder.parents[1].glob("*/predictions.csv"):
        file.unlink()
    assert images_charts(*read(folder)) == []


def test_costs_are_those_of_one_repeat_and_need_two_arms(
    make_runs: Callable[..., Path], make_classified: Callable[..., Path]
) -> None:
    sweep, findings = read(make_runs())
    (chart,) = cost_charts(sweep, findings, arm_palette(findings))
    assert chart.head[1] == "training of one repeat, minutes"
    assert [row[1] for row in chart.rows] == ["1.6", "1.6", "1.6"]  # 36 s and 60 s, the former shared by the arms
    sweep, findings = read(make_classified({"seed": ["0", "1"]}, conditions=["none"]))
    assert cost_charts(sweep, findings, arm_palette(findings)) == []
