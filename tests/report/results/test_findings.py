"""Findings claim only differences that are established."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dermoscopy.metrics.repeats import FIXED_SPLIT, FOLDS, OWN_SPLITS, Design
from dermoscopy.report.page.sections import differences_section
from dermoscopy.report.results.findings import choose_reference, find
from dermoscopy.report.results.verdicts import sentences
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]
SEEDS = {"network": ["small", "large"], "seed": ["0", "1"]}


def test_sentences_claim_a_difference_only_if_it_is_established(make_runs: MakeRuns) -> None:
    folder = make_runs()
    findings = find(load_sweep(folder))
    assert findings is not None
    reference, cells, whole = map(" ".join, sentences(findings))
    assert "is the reference" in reference
    assert "higher than image only (difference +0.0" in cells
    assert "one seed cannot establish a difference" in whole
    values = dict(zip(range(6), (0.40, 0.42, 0.41, 0.43, 0.40, 0.43), strict=True))
    for job, value in values.items():
        file = folder / str(job) / "job.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"metrics": {"test/none/f1": value}}))
    findings = find(load_sweep(folder))
    assert findings is not None
    claim = "no difference from image only is established (difference +0.010, 95 % interval -0.056 to 0.076, 3 seeds"
    assert claim in sentences(findings)[1][1]


def test_on_a_fixed_split_a_difference_must_hold_over_repeats_and_over_test_images(make_runs: MakeRuns) -> None:
    folder = make_runs()
    values = dict(zip(range(6), (0.40, 0.42, 0.41, 0.45, 0.47, 0.461), strict=True))  # p over seeds below 0.001
    for job, value in values.items():
        file = folder / str(job) / "job.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"metrics": {"test/none/f1": value}}))
    one = folder.parents[1] / "everything0" / "predictions.csv"
    same = pd.read_csv(one, dtype={"id": str})
    for file in folder.parents[1].glob("cells_80*/predictions.csv"):
        file.write_text(same.to_csv(index=False))
    findings = find(load_sweep(folder))
    assert findings is not None
    row = findings.compared.loc["zeroing=cells_80"]
    assert row["p_repeats"] < 0.01
    assert row["image_low"] < 0 < row["image_high"]
    assert row["p"] == row["image_p"]
    assert "not established over test images" in sentences(findings)[1][1]
    for file in folder.parents[1].glob("*/predictions.csv"):
        file.unlink()
    findings = find(load_sweep(folder))
    assert findings is not None
    assert np.isnan(findings.compared.loc["zeroing=cells_80", "p"])
    assert "only with the scores of single images" in sentences(findings)[1][1]


def test_the_correction_needs_no_scores_of_single_images(make_runs: MakeRuns) -> None:
    folder = make_runs()
    draw_test_images(folder, "seed")
    with_scores = find(load_sweep(folder))
    for file in folder.parents[1].glob("*/predictions.csv"):
        file.unlink()
    without = find(load_sweep(folder))
    assert with_scores is not None
    assert without is not None
    assert without.basis.design == Design(OWN_SPLITS, 60 / 200)
    columns = ["low", "high", "p_repeats"]
    pd.testing.assert_frame_equal(without.compared[columns], with_scores.compared[columns])


def test_without_a_recorded_split_repeats_count_as_having_their_own(make_runs: MakeRuns) -> None:
    folder = make_runs()
    for file in folder.parents[1].glob("*/split.csv"):
        file.unlink()
    findings = find(load_sweep(folder))
    assert findings is not None
    assert findings.basis.design == Design(OWN_SPLITS, 60 / 200)


def draw_test_images(folder: Path, by: str) -> None:
    """Give the jobs of a sweep test images of their own, by their seed or fold."""
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        split = folder.parents[1] / record["key"] / "split.csv"
        if split.is_file():
            table = pd.read_csv(split, dtype=str)
            split.write_text(table.assign(id=f"{by}{record[by]}_" + table["id"]).to_csv(index=False))


def test_arms_with_equal_scores_in_every_repeat_are_named(make_runs: MakeRuns) -> None:
    findings = find(load_sweep(make_runs()))
    assert findings is not None
    _, cells, whole = findings.table.index
    findings.table.loc[whole] = findings.table.loc[cells]
    *_, last = map(" ".join, sentences(findings))
    assert last.startswith(f"{findings.names[cells]} and {findings.names[whole]} have equal scores in all")
    assert len(sentences(findings)) == 4


def test_folds_widen_the_interval_as_their_training_sets_overlap(make_runs: MakeRuns) -> None:
    folder = make_runs()
    plain = find(load_sweep(folder))
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"seed": 0, "fold": record["seed"]}))
    draw_test_images(folder, "fold")
    folds = find(load_sweep(folder))
    assert plain is not None
    assert folds is not None
    assert (plain.basis.design, folds.basis.design) == (Design(FIXED_SPLIT), Design(FOLDS, 60 / 200))
    half = {
        name: float(np.diff(findings.compared.loc["zeroing=cells_80", ["low", "high"]])[0])
        for name, findings in (("plain", plain), ("folds", folds))
    }
    assert half["folds"] / half["plain"] == pytest.approx(np.sqrt((1 / 3 + 0.3) / (1 / 3)))
    section = differences_section(folds)
    assert section is not None
    assert "sd² (1/n + 0.300)" in section.text
    assert "Nadeau and Bengio 2003" in section.text


def test_seeds_with_different_test_images_widen_the_interval_as_folds_do(make_runs: MakeRuns) -> None:
    folder = make_runs()
    plain = find(load_sweep(folder))
    draw_test_images(folder, "seed")
    drawn = find(load_sweep(folder))
    assert plain is not None
    assert drawn is not None
    assert (plain.basis.design, drawn.basis.design) == (Design(FIXED_SPLIT), Design(OWN_SPLITS, 60 / 200))


def test_a_reference_is_named_by_an_arm_in_full_or_by_its_value() -> None:
    arms = ["zeroing=cells_80", "zeroing=everything"]
    assert choose_reference(arms, None) == "zeroing=everything"
    assert choose_reference(arms, "cells_80") == choose_reference(arms, "zeroing=cells_80") == "zeroing=cells_80"
    assert choose_reference(["loss=bce", "loss=dice"], None) == "loss=bce"
    assert choose_reference(["optimizer.lr=0.1", "optimizer.lr=1"], 0.1) == "optimizer.lr=0.1"
    with pytest.raises(ValueError, match="reference=often names 0 arms; there are: zeroing=cells_80"):
        choose_reference(arms, "often")


def test_a_metric_that_is_not_a_test_metric_is_refused(make_runs: MakeRuns) -> None:
    with pytest.raises(ValueError, match="test/<condition>/<name>, got 'f1'"):
        find(load_sweep(make_runs()), metric="f1")


def test_for_a_score_where_lower_is_better_the_best_trivial_predictor_is_the_lowest(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented(SEEDS, ["done"] * 4))
    findings = find(sweep, metric="test/none/failure_rate")
    assert findings is not None
    assert findings.trivial is not None
    assert findings.best_trivial is not None
    assert findings.best_trivial[1] == findings.trivial["failure_rate"].min()
    mean = findings.table.loc["network=large"].mean()
    assert f"mean {mean:.3f}, not shown to be better than the best trivial predictor" in sentences(findings)[1][1]
