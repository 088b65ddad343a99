"""There is one row per job, with what differs between the jobs and all their scores."""

from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.published.jobs import jobs_table
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
