"""Runs are found by key, folder, checkpoint or MLflow run id; an unknown name lists candidates."""

import json
import shutil
from pathlib import Path

import pytest
from recorded_stages import write_job, write_recorded

from dermoscopy.runs.files import BEST
from dermoscopy.runs.find import find_checkpoint, find_checkpoints


def test_a_stage_is_found_by_each_of_its_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = Path("runs/run/ab12") / BEST
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    write_job(Path("runs/run"), 0, "ab12", key="ab12")
    for name in ("ab12", "ab", checkpoint.parent, "runs/run/sweeps/now/0", checkpoint):
        assert find_checkpoint(str(name), Path("runs"), "sqlite:///none.db").resolve() == checkpoint.resolve()
    assert not Path("none.db").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and SQLAlchemy
def test_a_stage_is_found_by_its_mlflow_run(empty_database, tmp_path):
    from mlflow import MlflowClient  # noqa: PLC0415

    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("run"), tags={"key": "ab12"}).info.run_id
    stage = tmp_path / "runs/run/ab12"
    stage.mkdir(parents=True)
    (stage / BEST).touch()
    assert find_checkpoint(run, tmp_path / "runs", uri) == stage / BEST
    with pytest.raises(ValueError, match="no trained stage"):
        find_checkpoint("0" * 32, tmp_path / "runs", uri)


def test_an_unknown_and_an_ambiguous_run_list_candidates(tmp_path):
    for key in ("ab1", "ab2", "cd3"):
        (tmp_path / "run" / key).mkdir(parents=True)
        (tmp_path / "run" / key / BEST).touch()
    with pytest.raises(ValueError, match=r"keys of 2 stages, give one: .*run/ab1, .*run/ab2$"):
        find_checkpoint("ab", tmp_path, "sqlite:///none.db")
    with pytest.raises(ValueError, match=r"run=12e5 names .*there are: .*ab1, .*ab2, .*cd3$"):
        find_checkpoint("12e5", tmp_path, "sqlite:///none.db")


def test_a_job_without_a_trained_stage_is_an_error(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({"status": "failed"}))
    with pytest.raises(ValueError, match="its status is failed"):
        find_checkpoint(str(tmp_path), tmp_path, "sqlite:///none.db")


def test_the_folder_of_a_sweep_stands_for_the_runs_of_its_jobs(tmp_path):
    sweep = tmp_path / "run/sweeps/now"
    for job in range(11):
        (tmp_path / f"run/key{job}").mkdir(parents=True)
        (tmp_path / f"run/key{job}" / BEST).touch()
        (sweep / str(job)).mkdir(parents=True)
        (sweep / str(job) / "job.json").write_text(json.dumps({"status": "done", "key": f"key{job}"}))
    (sweep / "sweep.json").touch()
    checkpoints = find_checkpoints([str(sweep)], tmp_path, "none")
    assert [path.parent.name for path in checkpoints] == [f"key{job}" for job in range(11)]
    (sweep / "3" / "job.json").write_text(json.dumps({"status": "failed"}))
    with pytest.raises(ValueError, match="its status is failed"):
        find_checkpoints([str(sweep)], tmp_path, "none")
    with pytest.raises(ValueError, match="names no run"):
        find_checkpoints([], tmp_path, "none")
    with pytest.raises(ValueError, match="key2/best.ckpt more than once"):
        find_checkpoints(["key2", "key3", "key2"], tmp_path, "none")


def test_a_deleted_checkpoint_and_a_missing_folder_of_runs_are_named(tmp_path):
    checkpoint = write_recorded(tmp_path / "run" / "ab12")
    for run in ("ab", str(checkpoint.parent)):
        with pytest.raises(FileNotFoundError, match=f"run={run}.*ab12.* no best.ckpt.* deleted|no best.ckpt in .*ab12"):
            find_checkpoint(run, tmp_path, "sqlite:///none.db")
    with pytest.raises(FileNotFoundError, match=f"no folder {tmp_path}/none: add runs=DIR"):
        find_checkpoint("ab", tmp_path / "none", "sqlite:///none.db")
