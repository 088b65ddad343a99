"""The summary of a sweep for MLflow has the question, the answer and the numbers of each arm."""

import json

import pytest

from dermoscopy.report.results.answer import answer
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep
from dermoscopy.sweep.plan import arm_names
from dermoscopy.sweep.summary import first_summary, sweep_summary

ABOUT = {"question": "Do masks *help*?", "primary_metric": "test/none/average_precision"}


def summarise(folder, **changes):
    sweep = load_sweep(folder)
    record = json.loads((folder / "sweep.json").read_text())
    names = arm_names(record["plan"], record["experiment"])
    findings = find(sweep, **changes)
    first = first_summary(ABOUT, sweep.command, "val/average_precision", lower=False)
    return sweep, findings, sweep_summary(sweep, findings, answer(sweep, findings), names, first), names


def test_before_the_first_job_the_table_is_sorted_by_the_validation_score():
    first = first_summary(ABOUT, "python train.py -m", "val/loss", lower=True)
    assert first.note == "**Do masks \\*help\\*?**\n\n`python train.py -m`"
    assert (list(first.columns), first.order, first.lower) == (
        ["best/val/loss", "test/none/average_precision"],
        "best/val/loss",
        True,
    )


def test_the_end_of_a_sweep_has_answer_table_and_numbers_by_the_names_of_the_arms(make_runs):
    sweep, findings, said, names = summarise(make_runs())
    assert answer(sweep, findings).text.split(".")[0] in said.note.replace("\\", "")
    arm = next(arm for arm in names if arm != findings.reference)
    row = findings.compared.loc[arm]
    for quantity in ("difference", "low", "high", "p", "p_holm"):
        assert said.metrics[f"{quantity}/{names[arm]}"] == row[quantity]
    assert said.metrics[f"mean/{names[arm]}"] == pytest.approx(findings.table.loc[arm].mean())
    assert said.note.count("\n| ") == len(names) + 2  # with the head and the rule below it
    assert said.columns[0] == "best/val/average_precision"
    assert said.order == said.columns[1] == findings.metric


def test_an_arm_has_the_mean_of_each_metric_of_its_done_jobs_and_the_sd_of_those_over_labels(make_runs):
    sweep, _, said, names = summarise(make_runs())
    for arm in names:
        jobs = sweep.table[(sweep.table["arm"] == arm) & (sweep.table["status"] == "done")]
        metrics = said.arm_metrics[arm]
        assert metrics["n"] == len(jobs)
        assert metrics["test/none/f1/globules"] == pytest.approx(jobs["test/none/f1/globules"].mean())
        assert "sd/test/none/f1/globules" not in metrics
        assert "test/none/f1/streaks" not in metrics  # undefined in every job
        if len(jobs) > 1:
            assert metrics["sd/test/none/f1"] == pytest.approx(jobs["test/none/f1"].std(ddof=1))


def test_a_metric_where_lower_is_better_sorts_the_smallest_first(make_runs, tmp_path):
    folder = make_runs()
    for job in folder.glob("*/job.json"):
        record = json.loads(job.read_text())
        record["metrics"] = {"test/none/brier": 0.1, **record.get("metrics", {})}
        job.write_text(json.dumps(record))
    *_, said, _ = summarise(folder, metric="test/none/brier")
    assert (said.order, said.lower) == ("test/none/brier", True)
