"""There is one row per job, with what differs between the jobs and all their scores."""

from collections.abc import Callable
from pathlib import Path

from sweeps_on_disk import configure

from dermoscopy.report.page.page import make_page
from dermoscopy.report.published.jobs import jobs_table
from dermoscopy.report.published.record import Choice
from dermoscopy.runs.tables import load_sweep


def test_each_job_has_a_row_with_its_settings_and_scores(make_runs: Callable[..., Path]) -> None:
    table = jobs_table(load_sweep(make_runs()))
    assert list(table)[:8] == ["job", "experiment", "arm", "seed", "fold", "status", "key", "seconds"]
    assert {"zeroing.name", "zeroing.p", "zeroing.per_channel"} <= {*list(table)[8:12]}
    assert table["job"].tolist() == list(range(9))
    assert table["status"].tolist() == ["done"] * 7 + ["failed", "missing"]
    row = table.iloc[4]
    assert row[["arm", "seed", "key", "zeroing.per_channel"]].tolist() == ["zeroing=cells_80", 1, "cells_801", True]
    assert {"best/val/average_precision", "test/none/f1", "test/none/f1/globules"} <= {*table}
    assert table.loc[8, "key"] == "" and table.loc[8, ["zeroing.p", "test/none/f1"]].isna().all()


def test_a_setting_of_an_earlier_stage_has_a_column_and_a_row_of_differences(make_runs: Callable[..., Path]) -> None:
    sweep = make_runs()
    for seed in range(3):
        configure(sweep.parents[1] / f"base{seed}", optimizer={"lr": (seed + 1) / 10})
    assert jobs_table(load_sweep(sweep))["stage 0.optimizer.lr"].tolist()[:3] == [0.1, 0.2, 0.3]
    page = make_page(load_sweep(sweep), Choice())
    again = jobs_table(page.sweep)  # from the files of the page
    assert again["stage 0.optimizer.lr"].tolist()[:3] == [0.1, 0.2, 0.3]
