"""Several sweeps or runs are compared like the arms of one experiment, and not if they were tested on other things."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sweeps_on_disk import change, configure

from dermoscopy.report.results.facts import hours
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.merged import default_name, merge
from dermoscopy.runs.selection import load_runs
from dermoscopy.runs.tables import SweepResults, load_sweep

Make = Callable[..., Path]


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


def test_labels_and_masks_or_sweeps_without_a_common_metric_are_never_one_page(
    make_runs: Make, make_segmented: Make
) -> None:
    labels = load_sweep(make_runs())
    masks = load_sweep(make_segmented({"network": ["a", "b"], "seed": ["0", "1"]}, ["done"] * 4))
    for sweeps in ([labels, masks], [masks, labels]):
        with pytest.raises(ValueError, match="nothing to compare: encoders predicts masks, zeroing labels"):
            merge(sweeps, "both", anyway=True)
    other = make_runs("other")
    for file in other.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["metrics"] = {"test/none/auroc": 0.5} if record["status"] == "done" else {}
        file.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="nothing to compare: no test metric is in all of zeroing, other"):
        merge([labels, load_sweep(other)], "both", anyway=True)
