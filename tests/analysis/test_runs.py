"""Reading a sweep: nothing is lost, whatever state a job is in."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dermoscopy.analysis.configurations import arm_configurations, differences, flatten
from dermoscopy.analysis.runs import (
    find_sweep,
    history,
    load_sweep,
    macro_metrics,
    mean_and_sd,
    pivot,
    predictions,
    print_table,
    short_names,
    summarise,
    write_results,
)

MakeRuns = Callable[..., Path]


def test_the_latest_sweep_is_found_or_the_named_one(make_runs: MakeRuns) -> None:
    old, new = make_runs(stamp="2026-03-01_10-00-00"), make_runs(stamp="2026-03-02_09-00-00")
    runs = old.parents[2]
    assert find_sweep(runs, "zeroing") == new
    assert find_sweep(runs, "zeroing", old.name) == old


def test_an_unknown_experiment_or_sweep_is_refused_with_those_there_are(make_runs: MakeRuns) -> None:
    runs = make_runs().parents[2]
    with pytest.raises(FileNotFoundError, match="there are: zeroing"):
        find_sweep(runs, "losses")
    with pytest.raises(FileNotFoundError, match="there are: 2026-03-01_10-00-00"):
        find_sweep(runs, "zeroing", "2020")
    with pytest.raises(FileNotFoundError, match="there are: none"):
        find_sweep(runs / "nowhere", "zeroing")
    with pytest.raises(FileNotFoundError, match="not a sweep"):
        load_sweep(runs / "zeroing")


def test_every_job_keeps_its_row(make_runs: MakeRuns) -> None:
    folder = make_runs()
    (folder / "2" / "job.json").write_text('{"status": "do')  # killed while it wrote
    jobs = load_sweep(folder).jobs
    assert jobs["job"].tolist() == list(range(9))
    assert jobs["status"].value_counts().to_dict() == {"done": 6, "failed": 1, "missing": 1, "unreadable": 1}
    assert jobs["error"].notna().sum() == 3


def test_null_metrics_are_undefined_numbers(make_runs: MakeRuns) -> None:
    values = load_sweep(make_runs()).jobs["test/none/f1/streaks"]
    assert values.dtype == float
    assert values.isna().all()


def test_history_counts_epochs_through_the_stages(make_runs: MakeRuns) -> None:
    sweep = load_sweep(make_runs())
    one = history(sweep).query("job == 0 and mode == 'val'")
    assert one["cumulative"].tolist() == list(range(1, 11))
    assert one["stage"].tolist() == ["base"] * 4 + ["masks"] * 6
    assert len(history(sweep)) == 2 * (7 * 10 + 4)  # the failed job got through its first stage


def test_a_moved_runs_folder_can_still_be_read(make_runs: MakeRuns, tmp_path: Path) -> None:
    folder = make_runs()
    before = history(load_sweep(folder))
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(
        history(load_sweep(tmp_path / "elsewhere" / folder.relative_to(tmp_path / "runs"))), before
    )


def test_a_pivot_keeps_arms_in_order_and_holes_where_no_job_is_done(make_runs: MakeRuns) -> None:
    table = pivot(load_sweep(make_runs()).jobs, "test/none/f1")
    assert table.index.tolist() == ["zeroing=never", "zeroing=cells_80", "zeroing=whole_50"]
    assert table.columns.tolist() == ["seed 0", "seed 1", "seed 2"]
    assert table.loc["zeroing=whole_50"].isna().tolist() == [False, True, True]


def test_folds_are_repeats_of_their_own_in_numeric_order(make_runs: MakeRuns) -> None:
    sweep = load_sweep(make_runs())
    jobs = sweep.jobs.assign(fold=pd.array([10, 2, 1] * 3, dtype="Int64"))
    jobs["repeat"] = [f"seed 0 fold {fold}" for fold in jobs["fold"]]
    columns = pivot(jobs.assign(seed=pd.array([0] * 9, dtype="Int64")), "test/none/f1").columns
    assert columns.tolist() == ["seed 0 fold 1", "seed 0 fold 2", "seed 0 fold 10"]


def test_an_unknown_metric_and_two_jobs_of_one_arm_and_seed_are_refused(make_runs: MakeRuns) -> None:
    jobs = load_sweep(make_runs()).jobs
    with pytest.raises(ValueError, match=r"'test/none/dice'; there are: test/none/f1, "):
        pivot(jobs, "test/none/dice")
    with pytest.raises(ValueError, match="two jobs are zeroing=never, seed 0"):
        pivot(jobs.assign(seed=0, repeat="seed 0"), "test/none/f1")


def test_mean_and_deviation_by_hand() -> None:
    table = pd.DataFrame([[0.1, 0.3], [0.5, np.nan], [np.nan, np.nan]], index=["a", "b", "c"])
    assert mean_and_sd(table) == {"a": "0.200 ± 0.141", "b": "0.500", "c": "-"}
    assert summarise(table)["n"].tolist() == [2, 1, 0]


def test_write_results_leaves_two_tables_in_the_sweep(make_runs: MakeRuns) -> None:
    folder = make_runs()
    files = write_results(folder)
    results, table = map(pd.read_csv, files)
    assert [file.name for file in files] == ["results.csv", "table.csv"]
    assert results.columns[:6].tolist() == ["arm", "seed", "fold", "stage", "epoch", "mode"]
    assert len(table) == 3 * len(macro_metrics(load_sweep(folder).jobs))
    row = table.query("metric == 'test/none/f1' and arm == 'zeroing=never'").iloc[0]
    assert row["mean"] == pytest.approx(np.mean([row[f"seed {seed}"] for seed in range(3)]))
    assert not list(folder.glob(".*"))  # no temporary file is left


def test_a_sweep_of_which_nothing_ran_can_be_written_and_printed(make_runs: MakeRuns) -> None:
    folder = make_runs()
    for number in range(9):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    write_results(folder)
    assert pd.read_csv(folder / "table.csv").empty
    print_table(load_sweep(folder), Console(quiet=True))


def test_the_printed_table_shows_arms_and_counts(make_runs: MakeRuns) -> None:
    console = Console(width=140, record=True, quiet=False, file=(make_runs().parent / "screen").open("w"))
    print_table(load_sweep(find_sweep(Path(console.file.name).parents[2], "zeroing")), console)
    text = console.export_text()
    assert "cells_80" in text
    assert "jobs: 7 done, 1 failed, 1 missing" in text
    console.file.close()


def test_predictions_of_a_job_are_read_and_of_a_failed_one_there_are_none(make_runs: MakeRuns) -> None:
    sweep = load_sweep(make_runs())
    table = predictions(sweep, 0)
    assert table is not None
    assert set(table["availability"]) == {"none", "given"}
    assert predictions(sweep, 7) is None
    assert predictions(sweep, 8) is None


def test_arms_of_one_axis_are_shown_by_value() -> None:
    assert short_names(["loss=bce", "loss=dice"]) == {"loss=bce": "bce", "loss=dice": "dice"}
    assert short_names(["loss=bce,lr=1", "loss=dice,lr=1"])["loss=bce,lr=1"] == "loss=bce,lr=1"


def test_flatten_keeps_booleans_none_empty_and_nested_lists() -> None:
    config = {"a": {"b": True, "c": None, "d": {}}, "e": [1, [2, 3]], "f": [{"g": False}, 4], "h": []}
    flat = {"a.b": True, "a.c": None, "a.d": "{}", "e": "[1, [2, 3]]", "f.0.g": False, "f.1": 4, "h": "[]"}
    assert flatten(config) == flat


def test_differences_keep_a_key_iff_it_takes_more_than_one_value() -> None:
    configs = {
        "x": {"freeze": True, "same": [1, [2]], "none": None, "only_x": 0, "type": 1},
        "y": {"freeze": False, "same": [1, [2]], "none": 0, "type": True},
    }
    table = differences(configs)
    assert table.columns.tolist() == ["freeze", "none", "only_x", "type"]
    assert table.loc["y", "only_x"] == ""
    assert differences({"x": configs["x"]}).columns.empty
    assert differences({}).empty


def test_configurations_of_arms_differ_in_what_was_swept_and_not_in_the_seed(make_runs: MakeRuns) -> None:
    configs = arm_configurations(load_sweep(make_runs()))
    assert differences(configs).columns.tolist() == ["zeroing.name", "zeroing.p", "zeroing.per_channel"]


def test_a_sweep_without_arms_is_named_after_its_experiment(make_runs: MakeRuns) -> None:
    folder = make_runs()
    file = folder / "0" / "job.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"arm": "", "fold": 3}))
    first = load_sweep(folder).jobs.iloc[0]
    assert (first["arm"], first["repeat"]) == ("zeroing", "seed 0 fold 3")
