"""Tables of arms x repeats are in order, with missing values where no job is done."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.results.arms import (
    headline_metrics,
    is_segmentation,
    macro_metrics,
    mean_and_sd,
    pivot,
    short_names,
    summarise,
    write_results,
)
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]


def test_a_pivot_keeps_arms_in_order_and_has_missing_values_where_no_job_is_done(make_runs: MakeRuns) -> None:
    table = pivot(load_sweep(make_runs()).table, "test/none/f1")
    assert table.index.tolist() == ["zeroing=everything", "zeroing=cells_80", "zeroing=whole_50"]
    assert table.columns.tolist() == ["seed 0", "seed 1", "seed 2"]
    assert table.loc["zeroing=whole_50"].isna().tolist() == [False, True, True]


def test_folds_are_repeats_in_numeric_order(make_runs: MakeRuns) -> None:
    sweep = load_sweep(make_runs())
    jobs = sweep.table.assign(fold=pd.array([10, 2, 1] * 3, dtype="Int64"))
    jobs["repeat"] = [f"seed 0 fold {fold}" for fold in jobs["fold"]]
    columns = pivot(jobs.assign(seed=pd.array([0] * 9, dtype="Int64")), "test/none/f1").columns
    assert columns.tolist() == ["seed 0 fold 1", "seed 0 fold 2", "seed 0 fold 10"]


def test_an_unknown_metric_and_two_jobs_of_one_arm_and_seed_are_refused(make_runs: MakeRuns) -> None:
    jobs = load_sweep(make_runs()).table
    with pytest.raises(ValueError, match=r"'test/none/dice'; there are: test/none/f1, "):
        pivot(jobs, "test/none/dice")
    with pytest.raises(ValueError, match="two jobs are zeroing=everything, seed 0"):
        pivot(jobs.assign(seed=0, repeat="seed 0"), "test/none/f1")


def test_mean_and_deviation_by_hand() -> None:
    table = pd.DataFrame([[0.1, 0.3], [0.5, np.nan], [np.nan, np.nan]], index=["a", "b", "c"])
    assert mean_and_sd(table) == {"a": "0.200 ± 0.141", "b": "0.500", "c": "-"}
    assert summarise(table)["n"].tolist() == [2, 1, 0]


def test_write_results_leaves_two_tables_in_the_sweep(make_runs: MakeRuns) -> None:
    folder = make_runs()
    files = write_results(load_sweep(folder))
    results, table = map(pd.read_csv, files)
    assert [file.name for file in files] == ["results.csv", "table.csv"]
    assert results.columns[:7].tolist() == ["job", "arm", "seed", "fold", "stage", "epoch", "mode"]
    assert len(table) == 3 * len(macro_metrics(load_sweep(folder).table))
    row = table.query("metric == 'test/none/f1' and arm == 'zeroing=everything'").iloc[0]
    assert row["mean"] == pytest.approx(np.mean([row[f"seed {seed}"] for seed in range(3)]))
    assert not list(folder.glob(".*"))  # no temporary file is left


def test_arms_of_one_axis_are_named_by_their_value() -> None:
    assert short_names(["loss=bce", "loss=dice"]) == {"loss=bce": "bce", "loss=dice": "dice"}
    assert short_names(["loss=bce,lr=1", "loss=dice,lr=1"])["loss=bce,lr=1"] == "loss=bce,lr=1"


def test_an_arm_without_a_job_that_has_begun_has_an_empty_row(make_sweep: MakeSweep) -> None:
    sweep = load_sweep(make_sweep({"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}, ["done", "missing"] * 2))
    assert pivot(sweep.table.assign(score=1.0), "score").fillna(0).to_dict("split")["data"] == [[1, 0], [1, 0]]
    unswept = load_sweep(make_sweep({"zeroing": ["everything", "nothing"]}, ["done", "missing"], "arms"))
    assert pivot(unswept.table.assign(score=1.0), "score").isna().to_numpy().tolist() == [[False], [True]]


def test_a_sweep_with_labels_and_masks_counts_as_one_of_classifiers() -> None:
    masks, labels = ["test/none/dice", "test/none/iou"], ["test/none/average_precision", "test/none/f1_at_youden"]
    assert is_segmentation(pd.DataFrame(columns=masks))
    assert not is_segmentation(pd.DataFrame(columns=[*masks, *labels]))
    assert headline_metrics(pd.DataFrame(columns=[*masks, *labels])) == labels
    assert headline_metrics(pd.DataFrame(columns=["test/flips/dice", *masks])) == masks


def test_the_metric_that_chose_the_epoch_comes_first_with_the_validation_masks_of_each_arm_if_they_differ() -> None:
    places, scores = ["none", "given", "validation_masks"], ["f1", "f1_at_best_f1", "average_precision", "auroc"]
    every = [f"test/{place}/{score}" for place in places for score in scores]
    assert headline_metrics(pd.DataFrame(columns=every[:8]), "auroc") == [
        "test/none/auroc",
        "test/given/auroc",
        "test/none/average_precision",
        "test/given/average_precision",
    ]
    assert headline_metrics(pd.DataFrame(columns=every[:8]), "loss") == headline_metrics(
        pd.DataFrame(columns=every[:8])
    )
    assert headline_metrics(pd.DataFrame(columns=every), "auroc")[:2] == [
        "test/validation_masks/auroc",
        "test/none/auroc",
    ]
    assert headline_metrics(pd.DataFrame(columns=every[4:8]), "loss") == [
        "test/given/average_precision",
        "test/given/f1_at_best_f1",
    ]


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    jobs = pd.DataFrame(
        {"arm": ["a"], "status": ["done"], "repeat": ["0"], "test/none/auroc": [0.5], "test/none/f1": [0.1]}
    )
    with pytest.raises(ValueError, match="did you mean test/none/auroc"):
        pivot(jobs, "test/none/aurocc")
