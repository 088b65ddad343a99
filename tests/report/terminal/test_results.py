"""Tables printed when a sweep ends: every job has a row, within 80 columns."""

import json
import re
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from sweeps_on_disk import configure

from dermoscopy.report.results.answer import answer
from dermoscopy.report.results.arms import write_results
from dermoscopy.report.results.findings import find
from dermoscopy.report.terminal.results import arm_names, counts, print_answer, print_jobs, print_run, print_table
from dermoscopy.runs.tables import SweepResults, load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]
AXES = {"zeroing": ["everything", "whole_80"], "seed": ["0", "1", "2"]}
STATES = ["before", "reused", "done", "failed", "killed", "missing"]


def printed(show: Callable[..., None], sweep: SweepResults, **options: Any) -> str:
    console = Console(width=80, file=StringIO(), record=True)
    show(sweep, console=console, **options)
    return console.export_text()


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in re.split("[│┃]", line)] for line in text.splitlines() if re.search("[│┃]", line)]


def test_a_sweep_without_any_job_that_ran_can_be_written_and_printed(make_runs: MakeRuns) -> None:
    folder = make_runs()
    for number in range(9):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    write_results(load_sweep(folder))
    assert pd.read_csv(folder / "table.csv").empty
    assert "jobs: 9 missing" in printed(print_table, load_sweep(folder))
    assert printed(print_jobs, load_sweep(folder)).splitlines()[-1] == "jobs: 9 missing; 0 s"


def test_the_printed_table_shows_arms_and_counts(make_runs: MakeRuns) -> None:
    text = printed(print_table, load_sweep(make_runs()))
    assert "cells_80" in text
    assert "jobs: 7 done, 1 failed, 1 missing" in text


def test_f1_at_the_threshold_of_validation_has_a_mark_that_the_legend_explains(make_classified: MakeSweep) -> None:
    folder = make_classified({"zeroing": ["everything"], "seed": ["0", "1"]}, ["none", "given"])
    for stage in folder.parents[1].glob("zeroing=*"):
        configure(stage, monitor={"metric": "val/average_precision"})
    sweep = load_sweep(folder)
    text = printed(print_table, sweep)
    f1 = sweep.table["test/none/f1_at_youden"]
    assert rows(text)[0][2:] == ["none AP", "given AP", "none F1*", "given F1*"]
    assert rows(text)[-1][4] == f"{f1.mean():.3f} ± {f1.std():.3f}"
    assert "* at the threshold chosen in validation (youden)" in " ".join(text.split())


def test_a_single_run_ends_with_its_scores_key_folder_and_next_command(
    make_runs: MakeRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_runs()
    sweep = load_sweep(folder)
    job = sweep.done[0]
    key, score = job.last.folder.name, job.record["metrics"]["test/none/average_precision"]
    monkeypatch.chdir(folder.parents[4])  # not the folder with runs/
    scores, place, command, page = printed(print_run, sweep).splitlines()
    assert f"none/average_precision {score:.4f}" in scores
    shown = job.last.folder.relative_to(folder.parents[4])
    assert place == f"run {key} in {shown}"
    assert command == f"to predict: python predict.py run={shown} images=DIR out=DIR"
    runs = folder.parents[2].relative_to(folder.parents[4])
    assert page == f"page: python report.py experiment=zeroing runs={runs} writes {runs}/zeroing/report/index.html"
    monkeypatch.chdir(folder.parents[3])
    assert printed(print_run, load_sweep(folder.relative_to(folder.parents[3]))).splitlines()[2] == (
        f"to predict: python predict.py run={key} images=DIR out=DIR"
    )
    for number in range(9):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    assert printed(print_run, load_sweep(folder)) == ""


def test_a_sweep_ends_with_its_answer_its_best_arm_and_the_command_of_its_page(
    make_runs: MakeRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_runs()
    monkeypatch.chdir(folder.parents[3])
    sweep = load_sweep(folder.relative_to(folder.parents[3]))
    said = answer(sweep, find(sweep, meaningful=0.02))
    text = printed(print_answer, sweep, said=said)
    assert said.text in " ".join(text.split())
    assert text.splitlines()[-2:] == [
        "best arm: cells_80 (better)",
        "page: python report.py experiment=zeroing writes runs/zeroing/report/index.html",
    ]
    make_runs(stamp="2026-03-02_10-00-00")  # a later sweep, so that the folder has to be named
    assert f"experiment=zeroing sweep={folder.name} writes" in printed(print_answer, sweep, said=said)


def test_the_first_word_of_a_column_is_explained(make_runs: MakeRuns) -> None:
    text = " ".join(printed(print_table, load_sweep(make_runs())).split())
    assert "none and given: masks that the network gets; AP average precision" in text


def test_every_job_has_a_row_with_its_outcome(make_sweep: MakeSweep) -> None:
    text = printed(print_jobs, load_sweep(make_sweep(AXES, STATES)))
    assert rows(text)[0] == ["job", "arm", "seed", "status", "seconds", "error (see error.txt)"]
    assert [row[:4] for row in rows(text)[1:]] == [
        ["0", "image only", "0", "done before"],
        ["1", "image only", "1", "reused"],
        ["2", "image only", "2", "done"],
        ["3", "whole_80", "0", "failed"],
        ["4", "whole_80", "1", "interrupted"],
        ["5", "whole_80", "2", "missing"],
    ]
    assert rows(text)[4][5] == "loss is not finite in epoch…"  # two lines shortened to one
    last = "jobs: 1 done, 1 done before, 1 reused, 1 failed, 1 interrupted, 1 missing; 600 s"
    assert text.splitlines()[-1] == last


def test_whether_a_job_was_done_before_depends_on_the_given_time(make_sweep: MakeSweep) -> None:
    sweep = load_sweep(make_sweep(AXES, STATES))
    early = printed(print_jobs, sweep, since="2026-03-01T09:00:00+00:00")
    late = printed(print_jobs, sweep, since="2026-03-02T09:00:00+00:00")
    assert [row[3] for row in rows(early)[1:4]] == ["done", "reused", "done"]
    assert [row[3] for row in rows(late)[1:4]] == ["done before"] * 3


def test_folds_and_errors_have_a_column_only_if_there_are_any(make_sweep: MakeSweep) -> None:
    plain = rows(printed(print_jobs, load_sweep(make_sweep({"seed": ["0"]}, ["done"], "seeds"))))
    assert plain[0] == ["job", "arm", "seed", "status", "seconds"]
    axes = {"seed": ["0"], "split.fold": ["0", "1"]}
    folds = rows(printed(print_jobs, load_sweep(make_sweep(axes, ["done", "missing"], "folds"))))
    assert [row[3] for row in folds] == ["fold", "0", "1"]


@pytest.mark.parametrize("states", [["done", "failed"], ["missing", "missing"]])
def test_long_errors_and_names_stay_within_80_columns(states: list[str], make_sweep: MakeSweep) -> None:
    axes = {"network.encoder": ["tu-convnext_tiny.fb_in22k"], "labels": ["[globules,streaks]"], "seed": ["0", "1"]}
    folder = make_sweep(axes, states)
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"error": record["error"] and "no such file " * 20}))
    text = printed(print_jobs, load_sweep(folder))
    assert max(len(line) for line in text.splitlines()[1:]) <= 80  # the first is a path, to be copied
    assert "".join(row[1] for row in rows(text)).count("streaks") == 2  # brackets are no markup
    assert ("…" in text) == ("failed" in states)


def test_a_job_whose_record_cannot_be_read_is_unreadable(make_runs: MakeRuns) -> None:
    folder = make_runs()
    (folder / "2" / "job.json").write_text("{")
    text = printed(print_jobs, load_sweep(folder))
    assert rows(text)[3][3] == "unreadable"
    assert text.splitlines()[-1].startswith("jobs: 6 done, 1 failed, 1 unreadable, 1 missing; ")


def test_arms_of_several_axes_are_named_without_the_groups_of_their_keys(make_sweep: MakeSweep) -> None:
    axes = {"network.encoder": ["resnet18"], "optimizer.param.lr": ["0.1"], "loss": ["bce"]}
    names = arm_names(load_sweep(make_sweep(axes, ["missing"])))
    assert list(names.values()) == ["encoder=resnet18, lr=0.1, loss=bce"]


def test_counts_are_in_the_order_of_the_states() -> None:
    assert counts(["missing", "missing", "done", "failed"]) == "1 done, 1 failed, 2 missing"
    assert counts([]) == ""


def test_warnings_are_counted_per_job_with_the_first_one_and_listed_after_a_single_run(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"seed": ["0", "1"]}, ["done", "done"], "seeds")
    texts = ["no training image contains streaks " * 4, "another"]
    file = sweep / "0" / "job.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"warnings": texts, "metrics": {}}))
    table = rows(text := printed(print_jobs, load_sweep(sweep)))
    assert table[0][-1] == "warnings" and [row[-1][:20] for row in table[1:]] == ["2: no training image", ""]
    assert max(len(line) for line in text.splitlines()[1:]) <= 80
    run = " ".join(printed(print_run, load_sweep(sweep)).split())
    assert all(f"warning: {' '.join(warning.split())}" in run for warning in texts)
