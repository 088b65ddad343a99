"""Intervals of paired differences over test images, where the images of two arms are the same."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from dermoscopy.metrics.intervals import interval
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.test_images import gather, over_images
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]
SEEDS = {"network": ["small", "large"], "seed": ["0", "1"]}
FOLDS = {"split.fold": ["0", "1", "2"]}


def test_different_test_images_in_one_job_give_no_interval_and_a_note(make_runs: MakeRuns) -> None:
    sweep = load_sweep(make_runs())
    file = sweep.folder.parents[1] / "everything0" / "predictions.csv"
    pd.read_csv(file).replace("IMG_000", "IMG_999").to_csv(file, index=False)
    findings = find(sweep)
    assert findings is not None
    assert findings.compared["image_low"].isna().all()
    assert "of zeroing=cells_80, zeroing=whole_50: tested on other images than zeroing=everything" in findings.notes[0]


def test_arms_are_compared_on_the_images_they_share(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented(SEEDS, ["done"] * 4))
    draws, note = over_images(gather(sweep, "none_original"), "network=small", "iou")
    assert note == ""
    low, high = interval(*draws["network=large"])
    difference = find(sweep, metric="test/none_original/iou").compared.loc["network=large", "difference"]  # type: ignore[union-attr]
    assert low < difference < high
    assert low > 0


def test_arms_with_folds_are_compared_fold_by_fold(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented({"network": ["small", "large"], **FOLDS}, ["done"] * 6))
    draws = over_images(gather(sweep, "none"), "network=small", "dice")[0]["network=large"]
    low, high = interval(*draws)
    compared = find(sweep, metric="test/none/dice").compared.loc["network=large"]  # type: ignore[union-attr]
    assert 0 < low < compared["difference"] < high


def test_a_tta_whose_scores_of_images_were_not_kept_has_no_interval(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented(SEEDS, ["done"] * 4, tta=["none", "flips"]))
    draws, note = over_images(gather(sweep, "none"), "network=small", "dice")
    assert draws == {}
    assert "jobs keep the scores of single images with TTA flips, not none" in note
