"""Reading a sweep: no job is lost, whatever its state."""

import builtins
import io
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from written import write_report

from dermoscopy.report.results.arms import write_results
from dermoscopy.report.results.mask_folds import masks_to_join
from dermoscopy.report.terminal.results import print_jobs, print_table
from dermoscopy.report.terminal.status import print_status
from dermoscopy.runs.tables import arm_name, experiments, find_sweep, load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]


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
    (folder / "2" / "job.json").write_text('{"status": "do')  # killed while writing
    jobs = load_sweep(folder).table
    assert jobs["job"].tolist() == list(range(9))
    assert jobs["status"].value_counts().to_dict() == {"done": 6, "failed": 1, "missing": 1, "unreadable": 1}
    assert jobs["error"].notna().sum() == 3


def test_null_metrics_are_undefined_numbers(make_runs: MakeRuns) -> None:
    values = load_sweep(make_runs()).table["test/none/f1/streaks"]
    assert values.dtype == float
    assert values.isna().all()


def test_history_counts_epochs_through_the_stages(make_runs: MakeRuns) -> None:
    sweep = load_sweep(make_runs())
    one = sweep.history.query("job == 0 and mode == 'val'")
    assert one["cumulative"].tolist() == list(range(1, 11))
    assert one["stage"].tolist() == ["base"] * 4 + ["masks"] * 6
    assert len(sweep.history) == 2 * (7 * 10 + 4)  # the failed job finished its first stage


def test_a_moved_runs_folder_can_still_be_read(make_runs: MakeRuns, tmp_path: Path) -> None:
    folder = make_runs()
    before = load_sweep(folder).history
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(
        load_sweep(tmp_path / "elsewhere" / folder.relative_to(tmp_path / "runs")).history, before
    )


def test_a_sweep_without_arms_is_named_after_its_experiment(make_sweep: MakeSweep) -> None:
    first = load_sweep(make_sweep({"split.fold": ["3"]}, ["done"])).table.iloc[0]
    assert (first["arm"], first["repeat"]) == ("zeroing", "seed 0 fold 3")


def test_an_arm_is_named_by_its_axes_except_seed_and_fold() -> None:
    assert arm_name({"zeroing": "everything", "seed": "0", "split.fold": "3"}, "zeroing") == "zeroing=everything"
    assert arm_name({"loss": "bce", "optimizer.lr": "0.1"}, "losses") == "loss=bce, optimizer.lr=0.1"
    assert arm_name({"seed": "0"}, "seeds") == "seeds"
    assert arm_name({}, "single") == "single"


def test_experiments_are_those_with_a_sweep(make_runs: MakeRuns, tmp_path: Path) -> None:
    make_runs("zeroing"), make_runs("losses")
    (tmp_path / "runs" / "begun" / "sweeps" / "2026").mkdir(parents=True)  # no sweep.json yet
    assert experiments(tmp_path / "runs") == ["losses", "zeroing"]
    assert experiments(tmp_path / "nowhere") == []


def test_a_job_that_has_not_begun_is_known_from_the_plan(make_sweep: MakeSweep) -> None:
    axes = {"zeroing": ["everything"], "seed": ["7"], "split.fold": ["0", "1"]}
    jobs = load_sweep(make_sweep(axes, ["done", "missing"])).table
    assert jobs["arm"].tolist() == ["zeroing=everything"] * 2
    assert jobs["repeat"].tolist() == ["seed 7 fold 0", "seed 7 fold 1"]
    unswept = load_sweep(make_sweep({"zeroing": ["everything", "nothing"]}, ["done", "missing"], "arms")).table
    assert unswept["seed"].isna().tolist() == [False, True]


def test_a_running_job_that_no_process_holds_was_interrupted(make_sweep: MakeSweep) -> None:
    folder = make_sweep({"seed": ["0", "1"]}, ["running", "killed"])
    assert load_sweep(folder).table["status"].tolist() == ["running", "interrupted"]


def test_jobs_that_share_a_stage_share_its_results(make_runs: MakeRuns) -> None:
    first, _, _, other, *_ = load_sweep(make_runs()).jobs  # two arms, one seed
    assert first.stages[0] is other.stages[0]
    assert first.last is not other.last


@pytest.mark.parametrize("kind", ["labels", "folds of labels", "folds of masks"])
def test_all_parts_of_a_report_together_read_each_file_once(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folds = {"split.fold": ["0", "1", "2"]}
    if kind == "labels":
        folder = request.getfixturevalue("make_runs")()
    elif kind == "folds of labels":
        folder = request.getfixturevalue("make_classified")({"zeroing": ["everything", "nothing"]} | folds)
    else:
        folder = request.getfixturevalue("make_segmented")({"network": ["small", "large"]} | folds, ["done"] * 6)
    read: Counter[Path] = Counter()

    def counted(open_file: Callable[..., object]) -> Callable[..., object]:
        def opened(file: object, mode: str = "r", *args: object, **options: object) -> object:
            if isinstance(file, str | Path) and "r" in mode and (tmp_path / "runs") in Path(file).parents:
                read[Path(file)] += 1
            return open_file(file, mode, *args, **options)

        return opened

    monkeypatch.setattr(builtins, "open", counted(builtins.open))
    monkeypatch.setattr(io, "open", counted(io.open))
    sweep, console = load_sweep(folder), Console(file=io.StringIO())
    for show in (print_table, print_jobs, print_status):
        show(sweep, console=console)
    write_results(sweep)
    write_report(sweep, tmp_path / "experiments")
    masks_to_join(sweep)
    assert {file.name for file in read} >= {"sweep.json", "job.json", "config.yaml", "predictions.csv"}
    assert {str(file.relative_to(tmp_path)): times for file, times in read.items() if times > 1} == {}
