"""What can be deleted in a folder of runs: nothing that a kept sweep, a process or the tracking server needs."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from dermoscopy.machine.leases import lease, lock_file
from dermoscopy.runs import prune
from dermoscopy.runs.find import find_checkpoint
from dermoscopy.runs.prune import CHECKPOINTS, LEFTOVERS, STAGES, SWEEPS, find_removable, remove
from dermoscopy.runs.records import jobs_left
from dermoscopy.runs.tables import load_sweep

A, B, C, D = (letter * 16 for letter in "abcd")
OLD, NEW = "2026-01-01_10-00-00", "2026-03-01_10-00-00"
URI = "sqlite:///none.db"


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def stage(runs, key, experiment="lab", finished=True, **configuration):
    folder = runs / experiment / key
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps({"folder": str(folder)} | configuration))
    (folder / "best.ckpt").write_bytes(b"1" * 100)
    (folder / "last.ckpt").write_bytes(b"1" * 1000)
    if finished:
        (folder / "result.json").write_text('{"metrics": {}}')
    return folder


def sweep(runs, stamp, *keys, experiment="lab", days=100, identity=None, command="python train.py", status="done"):
    """Write a sweep whose jobs have one stage each, which must exist or not."""
    folder = runs / experiment / "sweeps" / stamp
    ended = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    record = {"identity": identity or stamp, "command": command, "status": status, "jobs": len(keys)}
    record |= {"experiment": experiment, "axes": ["seed"], "plan": [{"seed": str(n)} for n in range(len(keys))]}
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text(json.dumps(record | {"started": ended, "resumed": ended, "ended": ended}))
    for number, key in enumerate(keys):
        (folder / str(number)).mkdir()
        stages = [{"name": "only", "key": key, "folder": f"runs/{experiment}/{key}", "epochs": 1}]
        job = {"arm": experiment, "seed": number, "fold": None, "status": "done", "error": None, "stages": stages}
        (folder / str(number) / "job.json").write_text(json.dumps(job | {"key": key}))
    return folder


def found(runs, *arguments, **options):
    """Return the kind of each removable path, relative to the runs."""
    return {str(item.path.relative_to(runs)): item.kind for item in find_removable(runs, *arguments, **options).items}


def delete(runs, **options):
    assert all(remove(item) for item in find_removable(runs, **options).items)


def aged(path):
    os.utime(path, (0, 0))
    return path


def test_stages_that_no_sweep_needs_and_last_checkpoints_of_finished_stages_can_go(runs):
    stage(runs, A)
    stage(runs, B)
    stage(runs, C, finished=False)
    sweep(runs, NEW, A, C)
    assert found(runs) == {f"lab/{B}": STAGES, f"lab/{A}/last.ckpt": CHECKPOINTS}
    sizes = {item.kind: item.size for item in find_removable(runs).items}
    assert sizes[CHECKPOINTS] == 1000
    assert 1100 < sizes[STAGES] < 1300


def test_after_it_a_finished_sweep_is_complete_its_report_reads_and_its_stages_are_found(runs):
    stage(runs, A)
    stage(runs, B)
    folder = sweep(runs, NEW, A)
    delete(runs)
    assert jobs_left(folder) == 0
    assert [job.record["status"] for job in load_sweep(folder).jobs] == ["done"]
    assert find_checkpoint(A, runs, URI) == runs / "lab" / A / "best.ckpt"
    with pytest.raises(ValueError, match=f"run={B} names no file, .* there are: .*{A}"):
        find_checkpoint(B, runs, URI)
    assert found(runs) == {}
    assert not [path for path in (runs / "lab").iterdir() if path.name.startswith(".")]


def test_an_older_sweep_goes_only_after_the_given_days_and_with_its_stages(runs):
    stage(runs, A)
    stage(runs, B)
    older = sweep(runs, OLD, A)
    sweep(runs, NEW, B)
    assert f"lab/sweeps/{OLD}" not in found(runs)
    assert f"lab/sweeps/{OLD}" not in found(runs, older=101)
    assert found(runs, older=99) == {
        f"lab/sweeps/{OLD}": SWEEPS,
        f"lab/{A}": STAGES,
        f"lab/{B}/last.ckpt": CHECKPOINTS,
    }
    delete(runs, older=99)
    assert not older.exists()
    assert (runs / "lab" / B / "best.ckpt").is_file()


def test_the_latest_sweep_of_each_experiment_stays_however_old(runs):
    for experiment in ("lab", "run"):
        sweep(runs, OLD, experiment=experiment)
    assert found(runs, older=0) == {}


def test_a_sweep_that_a_rerun_replaced_can_go_once_the_rerun_is_done(runs):
    sweep(runs, OLD, identity="same")
    newer = sweep(runs, NEW, identity="same")
    assert found(runs) == {f"lab/sweeps/{OLD}": SWEEPS}
    record = json.loads((newer / "sweep.json").read_text())
    (newer / "sweep.json").write_text(json.dumps(record | {"status": "interrupted"}))
    assert found(runs) == {}


def test_a_stage_whose_weights_a_kept_run_reads_stays_also_through_a_chain(runs):
    stage(runs, A, experiment="first")
    stage(runs, B, experiment="second", network={"checkpoint": str(runs / "first" / A / "best.ckpt")})
    stage(runs, C, network={"checkpoint": f"/moved from here/runs/second/{B}/last.ckpt"})
    stage(runs, D, experiment="first")
    sweep(runs, NEW, C)
    sweep(runs, NEW, experiment="first")
    sweep(runs, NEW, experiment="second")
    assert found(runs) == {
        f"first/{D}": STAGES,
        f"first/{A}/last.ckpt": CHECKPOINTS,
        f"lab/{C}/last.ckpt": CHECKPOINTS,
    }


def test_a_stage_that_is_named_by_its_first_digits_in_a_command_stays(runs):
    stage(runs, A, experiment="first")
    sweep(runs, NEW, experiment="first")
    sweep(runs, NEW, command=f"python train.py network.checkpoint={A[:5]} -m")
    assert f"first/{A}" not in found(runs)


@pytest.mark.parametrize("place", ["configuration", "command"])
def test_a_sweep_whose_predicted_masks_a_kept_run_reads_stays_with_its_stages(runs, place):
    masks = str(runs / "folds" / "sweeps" / OLD / "out_of_fold.h5")
    stage(runs, A, experiment="folds")
    stage(runs, B, datamodule={"predicted": masks if place == "configuration" else None})
    sweep(runs, OLD, A, experiment="folds")
    sweep(runs, NEW, experiment="folds")
    sweep(
        runs,
        NEW,
        B,
        command=f"python train.py datamodule.predicted={masks}" if place == "command" else "python train.py",
    )
    assert not {f"folds/sweeps/{OLD}", f"folds/{A}"} & set(found(runs, older=1))


def test_the_folder_of_the_sweep_that_trained_a_stage_is_no_reference_to_it(runs):
    stage(runs, A, logger={"folder": str(runs / "lab" / "sweeps" / OLD / "0")})
    sweep(runs, OLD, A)
    sweep(runs, NEW, A)
    assert f"lab/sweeps/{OLD}" in found(runs, older=1)


def test_a_sweep_with_events_that_the_tracking_server_lacks_stays(runs):
    folder = sweep(runs, OLD, A)
    stage(runs, A)
    sweep(runs, NEW)
    (folder / "0" / "tracking.jsonl").write_text('{"time": 1}\n')
    assert set(found(runs, older=1)) == {f"lab/{A}/last.ckpt"}


@pytest.mark.parametrize("place", [f"sweeps/{NEW}", f"sweeps/{NEW}/0", B, f"reproduced/{A}/now"])
def test_an_experiment_in_which_a_process_works_is_left_alone(runs, place):
    stage(runs, A)
    stage(runs, B)
    (runs / "lab" / "reproduced" / A / "now").mkdir(parents=True)
    sweep(runs, NEW, A)
    with lease(runs / "lab" / place):
        pruning = find_removable(runs)
        assert pruning.items == []
        assert str(runs / "lab" / place) in pruning.left["lab"]
    assert found(runs)


def test_what_a_process_begins_to_use_before_the_deletion_is_kept(runs):
    stage(runs, A)
    stage(runs, B)
    sweep(runs, NEW, A)
    items = find_removable(runs).items
    with lease(runs / "lab" / A), lease(runs / "lab" / B):
        assert [remove(item) for item in items] == [False, False]
    assert (runs / "lab" / B / "best.ckpt").is_file()


def test_leftovers_of_killed_processes_reruns_and_reproductions_can_go(runs):
    folder = stage(runs, A)
    (folder / "last.ckpt").unlink()
    job = sweep(runs, NEW, A) / "0"
    old = [place / ".x.7.part" for place in (folder, job, job.parent)]
    for path in old:
        path.touch()
        aged(path)
    aged_lock, young = lock_file(runs / "lab" / B), folder / ".best.ckpt.7.part"
    for path in (aged_lock, young):
        path.touch()
    aged(aged_lock)
    again = runs / "lab" / "reproduced" / A / "2026-02-02"
    again.mkdir(parents=True)
    (again / "reproduction.json").write_text("{}")
    replaced = runs / "lab" / "replaced" / A
    replaced.mkdir(parents=True)
    expected = {str(path.relative_to(runs)) for path in (*old, aged_lock, again, replaced)}
    assert found(runs) == dict.fromkeys(expected, LEFTOVERS)
    delete(runs)
    assert young.is_file()
    assert found(runs) == {}


def test_other_folders_links_and_experiments_without_a_sweep_are_not_touched(runs, tmp_path):
    elsewhere = stage(tmp_path, B)
    sweep(runs, NEW)
    stage(runs, "best_of_march")
    (runs / "lab" / "report" / "lab").mkdir(parents=True)
    (runs / "lab" / C).symlink_to(elsewhere, target_is_directory=True)
    (runs / "linked").symlink_to(tmp_path / "lab", target_is_directory=True)
    stage(runs, D, experiment="copied")
    assert found(runs, older=0) == {}


def test_an_experiment_with_a_damaged_record_is_left_alone_and_named(runs):
    stage(runs, A)
    folder = sweep(runs, NEW, A)
    stage(runs, B)
    (folder / "0" / "job.json").write_text("{")
    pruning = find_removable(runs)
    assert pruning.items == []
    assert "job.json is damaged" in pruning.left["lab"]


def test_only_the_named_experiment_is_pruned(runs):
    for experiment in ("lab", "run"):
        stage(runs, A if experiment == "lab" else B, experiment=experiment)
        sweep(runs, NEW, experiment=experiment)
    assert found(runs, "run") == {f"run/{B}": STAGES}


def test_a_deletion_that_was_killed_is_completed_by_the_next_one(runs, monkeypatch):
    stage(runs, A)
    sweep(runs, NEW)
    (item,) = find_removable(runs).items
    monkeypatch.setattr(prune.shutil, "rmtree", lambda *_, **__: None)
    remove(item)
    monkeypatch.undo()
    assert not (runs / "lab" / A).exists()
    (left,) = (runs / "lab").glob(".*.part")
    aged(left)
    assert found(runs) == {str(left.relative_to(runs)): LEFTOVERS}
    delete(runs)
    assert not left.exists()
