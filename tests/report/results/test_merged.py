"""Several sweeps or runs are compared like the arms of one experiment, and not if they were tested on other things."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweeps_on_disk import configure

from dermoscopy.report.results.facts import hours
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.merged import default_name, merge
from dermoscopy.runs.selection import load_runs
from dermoscopy.runs.tables import SweepResults, load_sweep

Make = Callable[..., Path]


def change(sweep: Path, **changes: Any) -> None:
    """Change the records of all jobs; entries of data and metrics are merged."""
    for file in sweep.glob("*/job.json"):
        record = json.loads(file.read_text())
        for key, value in changes.items():
            record[key] = record[key] | value if isinstance(value, dict) else value
        file.write_text(json.dumps(record))


def arms(sweep: SweepResults) -> list[str]:
    return list(dict.fromkeys(job.arm for job in sweep.jobs))


def test_a_training_that_two_sweeps_share_counts_once(make_runs: Make) -> None:
    sweeps = [load_sweep(make_runs()), load_sweep(make_runs(stamp="2026-03-02_10-00-00", seeds=4))]
    whole = merge(sweeps, "both")
    assert arms(whole) == ["zeroing=everything", "zeroing=cells_80", "zeroing=whole_50"]
    assert [job.number for job in whole.jobs] == list(range(12))
    assert sorted(whole.table["repeat"].unique()) == ["seed 0", "seed 1", "seed 2", "seed 3"]
    assert len(whole.done) == 10 + 1  # what failed in the first sweep was done by the second
    assert hours(whole) == pytest.approx((4 * 36 + 12 * 60) / 3600, rel=0.1)
    assert whole.experiment == "both" and whole.axes == ("zeroing", "seed")


def test_arms_of_two_experiments_are_compared_with_each_other(make_runs: Make) -> None:
    one, two = make_runs("one"), make_runs("two")
    for folder in two.parents[1].glob("*/config.yaml"):
        configure(folder.parent, optimizer={"lr": 0.1})
    whole = merge([load_sweep(one), load_sweep(two)], "both")
    assert "zeroing=everything, lr=0.1" in arms(whole) and "zeroing=cells_80" in arms(whole)
    assert whole.jobs[-1].record["axes"]["lr"] == "0.1"
    findings = find(whole)
    assert findings is not None
    assert findings.reference == "zeroing=everything"
    assert len(findings.compared) == 5 and findings.compared.loc["zeroing=cells_80", "n"] == 3


def test_what_differs_between_single_runs_becomes_their_arms(make_sweep: Make, tmp_path: Path) -> None:
    for sweep in (make_sweep({"seed": ["0", "1"]}, ["done"] * 2, name) for name in "abc"):
        for file in sweep.glob("*/job.json"):
            record = json.loads(file.read_text()) | {"experiment": "mine", "arm": "mine"}
            record["metrics"] = {"test/none/f1": 0.5}
            file.write_text(json.dumps(record))
    for name, values in {"a": (0.1, "unet"), "b": (0.2, "unet"), "c": (0.2, "a <b>, 'c'")}.items():
        for file in (tmp_path / "runs" / name).glob("*/config.yaml"):
            configure(file.parent, optimizer={"lr": values[0]}, network={"kind": values[1], "seed": 7, "same": 1})
    named = [str(tmp_path / "runs" / name / "sweeps" / "2026-03-01_10-00-00" / "0") for name in "abc"]
    whole = merge(load_runs(named, tmp_path / "runs"), "lr")
    assert arms(whole) == ["kind=unet, lr=0.1", "kind=unet, lr=0.2", "kind=a <b>, 'c', lr=0.2"]
    assert [job.record["axes"]["lr"] for job in whole.jobs] == ["0.1", "0.2", "0.2"]
    assert {job.repeat for job in whole.jobs} == {"seed 0"}


def test_runs_that_nothing_tells_apart_are_named_by_their_sweeps(make_sweep: Make) -> None:
    sweeps = [load_sweep(make_sweep({"seed": ["0"]}, ["missing"], name)) for name in ("a", "b")]
    assert arms(merge(sweeps, "both")) == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": {"fingerprint": "e" * 64}}, r"data: made_up \(fingerprint ffffffffffff\) in one; .*eeee.* in two"),
        ({"metrics": {"test/none/f1/nevus": 0.5}}, "labels or masks: .*globules, nevus.* in two"),
        ({"metrics": {}}, "mask conditions: no test metric is in all"),
    ],
)
def test_what_was_tested_on_other_things_is_compared_only_if_told(
    changes: dict[str, Any], named: str, make_runs: Make
) -> None:
    one, two = make_runs("one"), make_runs("two")
    if changes == {"metrics": {}}:
        for file in two.glob("*/job.json"):
            record = json.loads(file.read_text())
            record["metrics"] = {"test/flips/f1/globules": 0.5, "test/flips/f1/streaks": 0.5, "test/flips/f1": 0.5}
            file.write_text(json.dumps(record))
    else:
        change(two, **changes)
    sweeps = [load_sweep(one), load_sweep(two)]
    with pytest.raises(ValueError, match=f"not comparable: {named}.*; compare=anyway") as refused:
        merge(sweeps, "both")
    assert "\n" not in str(refused.value)
    assert any(text.startswith("Compared in spite of differences: ") for text in merge(sweeps, "both", True).remarks)


def test_other_test_images_of_the_same_seed_are_refused(make_runs: Make) -> None:
    one, two = make_runs("one"), make_runs("two")
    file = two.parents[1] / "cells_801" / "split.csv"
    pd.read_csv(file).iloc[1:].to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"test images: one and two have others \(seed 1\)"):
        merge([load_sweep(one), load_sweep(two)], "both")


def test_arms_without_a_seed_in_common_are_refused(make_runs: Make) -> None:
    runs = make_runs().parents[2]
    named = load_runs(["everything0"], runs) + load_runs(["cells_801"], runs)
    with pytest.raises(ValueError, match="zeroing=everything has seed 0, zeroing=cells_80 has seed 1"):
        merge(named, "both")
    assert len(merge(load_runs(["cells_800"], runs) + load_runs(["cells_801"], runs), "one").jobs) == 2


def test_scores_that_not_all_have_are_left_out_and_named(make_runs: Make) -> None:
    one, two = make_runs("one"), make_runs("two")
    change(two, metrics={"test/predicted/f1": 0.4})
    whole = merge([load_sweep(one), load_sweep(two)], "both")
    assert "test/predicted/f1" not in whole.table and "test/none/f1/globules" in whole.table
    assert whole.remarks == ("Left out: 1 scores (test/predicted/...) for which not all were tested.",)


def test_sweeps_about_different_questions_name_both_and_a_common_metric(make_runs: Make, with_about: Make) -> None:
    one, two = with_about(make_runs("one")), with_about(make_runs("two"), question="Or others?")
    about = merge([load_sweep(one), load_sweep(two)], "both").about
    assert about["question"] == "Do masks help, given as input? Or others?"
    assert about["primary_metric"] == "test/none/average_precision"
    with_about(two, primary_metric="test/none/f1")
    assert "primary_metric" not in merge([load_sweep(one), load_sweep(two)], "both").about
    assert merge([load_sweep(make_runs("three")), load_sweep(make_runs("four"))], "both").about == {}


def test_the_name_of_several_tells_what_they_are(make_runs: Make) -> None:
    sweeps = [load_sweep(make_runs("one")), load_sweep(make_runs("two"))]
    assert default_name(sweeps, whole=True) == "one+two"
    runs = sweeps[0].folder.parents[2]
    named = [str(runs / "two" / key) for key in ("cells_800", "whole_500")]
    assert default_name(load_runs(named, runs), whole=False) == "two-cells_-whole_"
    many = load_runs([str(job.last.folder) for job in sweeps[1].done[:6]], runs)
    assert default_name(many, whole=False) == "two-everyt-everyt-everyt-cells_-and-2-more"
