"""Progress of a sweep in the terminal: every job has its cell, within 80 columns, whatever the state of the sweep."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dermoscopy.report.terminal.status import duration, print_overview, print_status
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
MakeRuns = Callable[..., Path]
AXES = {"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}


def printed(folder: Path) -> list[str]:
    console = Console(width=80, file=StringIO(), record=True)
    print_status(load_sweep(folder), console)
    return [line.rstrip() for line in console.export_text().splitlines()]


def overview(runs: Path) -> list[str]:
    console = Console(width=80, file=StringIO(), record=True)
    print_overview(runs, console)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_the_grid_shows_each_stage_of_each_job(make_sweep: MakeSweep) -> None:
    lines = printed(make_sweep(AXES, ["done", "reused", "failed", "missing"]))
    grid = [line.split() for line in lines[2:5]]
    assert grid == [["seed", "0", "1"], ["image", "only", "●●", "○○"], ["masks", "always", "given", "●✗3/10", "··"]]
    assert "one mark per stage: base, masks; numbers are epochs" in lines
    assert "2 of 4 jobs done, 1 failed, 1 missing" in lines
    assert "2/error.txt  masks always given, seed 0  loss is not finite in epoch 3" in lines


def test_every_mark_of_the_grid_is_explained(make_sweep: MakeSweep) -> None:
    lines = printed(make_sweep(AXES, ["reused", "running", "killed", "missing"]))
    legend = next(line for line in lines if "● done" in line)
    assert {mark for line in lines[3:5] for mark in line if not mark.isascii()} <= set(legend)


def test_an_interrupted_sweep_prints_how_to_continue_and_a_running_one_does_not(make_sweep: MakeSweep) -> None:
    paused = printed(make_sweep(AXES, ["done", "killed", "missing", "missing"], "paused"))
    assert paused[-1] == "continue: python train.py +experiment=paused -m"
    # 7 epochs of 10 s; masks of seeds 0 and 1, 110 s each; base is not known to be shared: 2 x 40 s
    assert paused[-2] == "time left: about 6 min once continued"
    runs = printed(make_sweep(AXES, ["done", "running", "running", "missing"], "runs"))
    assert runs[-1] == "time left: about 2 min with 2 running"  # (2 x 70 + 110) / 2 s
    assert printed(make_sweep(AXES, ["done"] * 4, "over"))[-1] == "4 of 4 jobs done"


def test_failed_jobs_are_left_out_of_the_time_of_a_running_sweep(make_sweep: MakeSweep) -> None:
    lines = printed(make_sweep(AXES, ["done", "failed", "running", "done"]))
    assert lines[-1] == "time left: about 1 min with 1 running, without failed jobs"


def test_a_sweep_without_any_job_that_has_begun_has_a_grid(make_sweep: MakeSweep) -> None:
    lines = printed(make_sweep(AXES, ["missing"] * 4))
    assert [line.split() for line in lines[3:5]] == [
        ["image", "only", "·", "·"],
        ["masks", "always", "given", "·", "·"],
    ]
    assert "time left: unknown until the first batches are done" in lines


def test_folds_have_their_own_line_in_the_head_of_the_grid(make_sweep: MakeSweep) -> None:
    axes = {"zeroing": ["everything"], "seed": ["0", "1"], "split.fold": ["0", "1"]}
    lines = printed(make_sweep(axes, ["done"] * 3 + ["missing"]))
    assert [line.split() for line in lines[2:4]] == [["seed", "0", "0", "1", "1"], ["fold", "0", "1", "0", "1"]]


@pytest.mark.parametrize("axes", [{}, {"zeroing": ["everything"]}])
def test_a_sweep_without_repeats_has_a_grid_without_a_head(axes: dict[str, list[str]], make_sweep: MakeSweep) -> None:
    assert printed(make_sweep(axes, ["done"], "alone"))[2].split() == [
        *(["image", "only"] if axes else ["alone"]),
        "●●",
    ]


@pytest.mark.parametrize("state", ["done", "running"])
def test_a_hundred_jobs_fit_into_80_columns(state: str, make_sweep: MakeSweep) -> None:
    axes = {"network.encoder": [f"tu-convnext_tiny.{k}" for k in range(4)], "seed": [str(k) for k in range(25)]}
    lines = printed(make_sweep(axes, [state] * 100))
    assert max(map(len, lines[1:])) <= 80
    cells = [cell for line in lines if line.startswith("tu-convnext") for cell in line.split()[1:]]
    assert cells == ["●●" if state == "done" else "●▶3/10"] * 100
    seeds = [seed for line in lines if line.strip().startswith("seed") for seed in line.split()[1:]]
    assert seeds == [str(k) for k in range(25)]


def test_a_long_error_is_shortened_and_its_file_is_not(make_sweep: MakeSweep) -> None:
    folder = make_sweep({"network.encoder": ["resnet18"], "loss.weights": ["[0.1,0.2,0.3,0.4,0.5,0.6]"]}, ["failed"])
    file = folder / "0" / "job.json"
    file.write_text(file.read_text().replace("is not finite", "is not finite, " * 20))
    line = next(line for line in printed(folder) if "error.txt" in line)
    assert len(line) <= 80
    assert line.startswith("0/error.txt  encoder=resnet18, weights=[0.…  loss is not finite, ")
    assert line.endswith("…")


def test_two_jobs_of_one_arm_and_seed_are_both_shown(make_sweep: MakeSweep) -> None:
    lines = printed(make_sweep({"zeroing": ["everything", "everything"], "seed": ["0"]}, ["done", "missing"]))
    assert lines[3].split() == ["image", "only", "●●", "··"]


def test_the_overview_has_one_line_per_experiment(make_sweep: MakeSweep, tmp_path: Path) -> None:
    make_sweep(AXES, ["done", "running", "failed", "missing"], "folds")
    make_sweep(AXES, ["done"] * 4, "over")
    lines = overview(tmp_path / "runs")
    assert [line.split() for line in lines[1:3]] == [
        ["folds", "2026-03-01_10-00-00", "1/4", "1", "1", "1", "3", "min"],  # 70 + 110 s
        ["over", "2026-03-01_10-00-00", "4/4"],
    ]
    assert max(map(len, lines)) <= 80


def test_without_a_sweep_one_line_says_how_to_start_one(tmp_path: Path) -> None:
    (line,) = overview(tmp_path / "runs")
    assert "python train.py +experiment=zeroing -m" in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3569, "59 min"), (3571, "1 h 0 min"), (11100, "3 h 5 min")],
)
def test_durations_are_in_the_largest_fitting_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words
