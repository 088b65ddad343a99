"""train.py as a user runs it: a sweep and its record, the reuse of stages, a one-line message per mistake."""

import json
import re
import shutil
import signal
import sqlite3

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

from dermoscopy.machine.leases import lease
from dermoscopy.tasks.classification import ClassificationTask

TINY = ("network.backbone=test_resnet", "trainer=cpu", "datamodule.batch_size=32", "epochs=1")


@pytest.fixture
def train(run_script, demo_store):
    """Runs train.py on the tiny store; further arguments are overrides."""

    def run(*arguments):
        return run_script("train.py", *arguments, f"data.store={demo_store}", "data.raw=null", "data.size=[32,32]")

    return run


@pytest.fixture
def sweep(train):
    """Runs the zeroing sweep with a tiny network; further arguments are overrides."""
    return lambda *arguments: train("-m", "+experiment=zeroing", *TINY, *arguments)


@pytest.fixture
def finished(sweep, shared, tmp_path):
    """The arguments of a sweep of two arms whose runs are copied to the test's folder; trained once for all tests."""
    arguments = ("zeroing=everything,cells8_80", "seed=0", "logger=csv")

    def fill(folder):
        ended = sweep(*arguments)
        assert ended.code == 0, ended.err
        shutil.move(tmp_path / "runs", folder)

    shutil.copytree(shared("sweep", fill) / "runs", tmp_path / "runs")
    return arguments


@pytest.fixture
def database(empty_database, tmp_path):
    """A copy of the empty tracking database."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")


def test_a_sweep_writes_tables_predictions_and_runs_in_mlflow(sweep, tmp_path):
    ended = sweep("zeroing=everything,cells8_80", "seed=0,1")
    assert ended.code == 0, ended.err
    assert "cells8_80" in ended.out
    assert re.search(r"make ui opens http://\S+/#/experiments/1/runs\?\S+&viewStateShareKey=\S+", ended.out)
    assert re.search(r"^jobs: 4 done; \d+ s$", ended.out, re.MULTILINE)
    assert (
        ended.out.splitlines()[-1] == "page: python report.py experiment=zeroing writes runs/zeroing/report/index.html"
    )

    (folder,) = (tmp_path / "runs" / "zeroing" / "sweeps").iterdir()
    rows = pd.read_csv(folder / "results.csv")
    assert len(rows) == 4 * 2 * 2  # jobs, epochs, modes
    assert {"arm", "seed", "stage", "epoch", "mode", "loss", "f1"} <= set(rows)
    jobs = [json.loads((folder / str(n) / "job.json").read_text()) for n in range(4)]
    assert [(job["arm"], job["seed"]) for job in jobs] == [
        ("zeroing=everything", 0),
        ("zeroing=everything", 1),
        ("zeroing=cells8_80", 0),
        ("zeroing=cells8_80", 1),
    ]
    assert [job["stages"][0]["reused"] for job in jobs] == [
        False,
        False,
        True,
        True,
    ]  # the base is trained once per seed
    assert len(list((tmp_path / "runs" / "zeroing").glob("*/best.ckpt"))) == 2 + 4
    scratch = [{"part": "network", "origin": "scratch"}]
    assert all((job["predicted_masks"], job["initial_weights"]) == (None, scratch) for job in jobs)
    assert all(isinstance(job["warnings"], list) for job in jobs)

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("zeroing").experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    arms = {run.info.run_id: run.data.tags["arm"] for run in runs if run.data.tags["kind"] == "arm"}
    children = [run for run in runs if run.data.tags["kind"] == "job"]
    assert (len(children), sorted(arms.values())) == (4, ["cells8_80", "image only"])
    assert "cells8_80, seed 1" in {run.info.run_name for run in children}
    assert {"mean/cells8_80", "difference/cells8_80", "p/cells8_80"} <= set(parent.data.metrics)
    assert "cells8_80" in parent.data.tags["mlflow.note.content"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for child in children:
        assert arms[child.data.tags["mlflow.parentRunId"]] == child.data.tags["arm"]
        assert [given.dataset.name for given in child.inputs.dataset_inputs] == ["demo"]
        assert len(child.data.params) < 50
        assert {"sweep", "arm", "seed", "key", "data", "checkpoint", "checkpoint_sha256"} <= set(child.data.tags)
        assert child.data.params["network.backbone"] == "test_resnet"
        assert {"train/loss", "val/f1", "best/val/average_precision", "test/none/f1", "test/given/f1"} <= set(
            child.data.metrics
        )
        assert [point.step for point in client.get_metric_history(child.info.run_id, "val/loss")] == [0, 1]
        assert {"config.yaml", "predictions.csv", "curves.png"} <= {
            file.path for file in client.list_artifacts(child.info.run_id)
        }


def test_a_finished_sweep_started_again_trains_nothing_and_keeps_its_table(sweep, finished, tmp_path):
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/zeroing/*/best.ckpt")}
    (table,) = tmp_path.glob("runs/zeroing/sweeps/*/table.csv")
    before = table.read_text()
    again = sweep(*finished)
    assert again.code == 0
    assert "nothing to train" in again.out
    assert len(stamps) == 3
    assert stamps == {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/zeroing/*/best.ckpt")}
    assert [path.read_text() for path in tmp_path.glob("runs/zeroing/sweeps/*/table.csv")] == [before]


def test_a_rerun_trains_a_finished_sweep_again_with_its_shared_base_once(sweep, finished, tmp_path):
    ended = sweep(*finished, "rerun=true")
    assert ended.code == 0, ended.err
    _, again = sorted(tmp_path.glob("runs/zeroing/sweeps/*"))
    jobs = [json.loads((again / str(number) / "job.json").read_text()) for number in range(2)]
    assert [[stage["reused"] for stage in job["stages"]] for job in jobs] == [[False, False], [True, False]]
    assert len(list(tmp_path.glob("runs/zeroing/replaced/*/best.ckpt"))) == 3


@pytest.mark.usefixtures("database")
def test_a_finished_single_run_started_again_trains_nothing(train, tmp_path):
    arguments = ("network.backbone=test_resnet", "epochs=1", "trainer=cpu", "trainer.limit_train_batches=1")
    assert train(*arguments).code == 0
    ended = train(*arguments)
    assert ended.code == 0
    assert "done before" in ended.out
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert len(client.search_runs([client.get_experiment_by_name("run").experiment_id])) == 1
    assert len(list(tmp_path.glob("runs/run/sweeps/*"))) == 1


def test_a_single_run_with_tensorboard_is_a_sweep_of_one(train, tmp_path):
    ended = train("network.backbone=test_resnet", "epochs=1", "trainer=cpu", "logger=tensorboard", "name=one")
    assert ended.code == 0, ended.err
    assert list(tmp_path.glob("runs/one/sweeps/*/0/job.json"))
    assert list(tmp_path.glob("runs/one/sweeps/*/0/tensorboard/**/events*"))


@pytest.mark.usefixtures("database")
def test_a_failed_job_is_reported_at_once_the_others_continue_and_the_exit_code_is_one(sweep, tmp_path):
    arguments = ("zeroing=cells8_80,everything", "zeroing.grid=64", "seed=0")
    ended = sweep(*arguments)
    assert ended.code == 1
    failed = "1/2 zeroing=cells8_80, seed 0: failed: the grid of zeroing 64 x 64"
    assert ended.out.index(failed) < ended.out.index("2/2 zeroing=everything, seed 0")
    assert "1 of 2 jobs failed" in ended.error
    (folder,) = (tmp_path / "runs" / "zeroing" / "sweeps").iterdir()
    assert "Traceback" in (folder / "0" / "error.txt").read_text()
    assert json.loads((folder / "1" / "job.json").read_text())["status"] == "done"
    assert re.search(r"^jobs: 1 done, 1 failed; \d+ s$", ended.out, re.MULTILINE)
    statuses = tracked_statuses(tmp_path)
    assert statuses == {
        "cells8_80, seed 0": "FAILED",
        "image only, seed 0": "FINISHED",
        "parent": "FAILED",
    }

    record = (folder / "1" / "job.json").read_text()
    again = sweep(*arguments)  # trains only the failed job, in the same sweep and the same runs of MLflow
    assert "2/2 zeroing=everything, seed 0\n  done before" in again.out
    assert (folder / "1" / "job.json").read_text() == record
    assert len(list((tmp_path / "runs" / "zeroing" / "sweeps").iterdir())) == 1
    assert tracked_statuses(tmp_path) == statuses


def tracked_statuses(folder):
    """Return the status of every run in MLflow by name."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("zeroing").experiment_id])
    others = [run for run in runs if run.data.tags["kind"] != "arm"]
    named = [("parent" if "mlflow.parentRunId" not in r.data.tags else r.info.run_name, r.info.status) for r in others]
    assert len(named) == len(dict(named))
    return dict(named)


def test_fail_fast_starts_no_further_job(sweep, tmp_path):
    ended = sweep("zeroing=cells8_80,everything", "zeroing.grid=64", "seed=0", "logger=csv", "sweep.fail_fast=true")
    assert ended.code == 1
    assert "jobs: 1 failed, 1 missing" in ended.out
    assert not list(tmp_path.glob("runs/zeroing/sweeps/*/1/job.json"))
    ended = sweep("zeroing=cells8_80,everything", "zeroing.grid=64", "seed=0", "logger=csv")
    assert "jobs: 1 done, 1 failed" in ended.out  # the same sweep without fail_fast
    assert len(list(tmp_path.glob("runs/zeroing/sweeps/*"))) == 1


@pytest.mark.usefixtures("database")
def test_ctrl_c_stops_cleanly_and_prints_the_command_that_continues(sweep, tmp_path, monkeypatch):
    step = ClassificationTask.training_step

    def interrupted(task, *arguments):
        if list(tmp_path.glob("runs/zeroing/*/result.json")):  # in the second stage
            signal.raise_signal(signal.SIGINT)
        return step(task, *arguments)

    monkeypatch.setattr(ClassificationTask, "training_step", interrupted)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells disable it for background processes
    ended = sweep("zeroing=everything,cells8_80", "seed=0")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning has disabled it
    assert ended.code == 130
    assert "to go on: python train.py -m +experiment=zeroing" in ended.out
    assert "jobs: 1 interrupted, 1 missing" in ended.out
    assert "the same command" in ended.err
    assert tracked_statuses(tmp_path) == {"image only, seed 0": "KILLED", "parent": "KILLED"}
    monkeypatch.undo()
    assert sweep("zeroing=everything,cells8_80", "seed=0").code == 0
    assert set(tracked_statuses(tmp_path).values()) == {"FINISHED"}
    assert len(tracked_statuses(tmp_path)) == 3


def test_a_running_sweep_is_not_started_twice(sweep, finished, tmp_path):
    (folder,) = tmp_path.glob("runs/zeroing/sweeps/*")
    with lease(folder):
        ended = sweep(*finished)
    assert ended.code == 1
    assert f"running already, in runs/zeroing/sweeps/{folder.name}" in ended.error


def test_any_experiment_runs_with_folds_whose_test_subsets_cover_every_image_once(train, tmp_path):
    arguments = ("-m", "+experiment=baseline_five", "+sweep=folds", "seed=0", "epochs=1", "logger=csv")
    ended = train(*arguments, "network.backbone=test_resnet", "trainer=cpu", "trainer.limit_train_batches=1")
    assert ended.code == 0, ended.err
    jobs = [json.loads(path.read_text()) for path in tmp_path.glob("runs/baseline_five/sweeps/*/*/job.json")]
    assert sorted(job["fold"] for job in jobs) == [0, 1, 2, 3, 4]
    assert {job["arm"] for job in jobs} == {"epochs=1, network.backbone=test_resnet"}  # what it was given
    ids = pd.concat(pd.read_csv(path)["id"].drop_duplicates() for path in tmp_path.glob("runs/*/*/predictions.csv"))
    assert len(ids) == ids.nunique() == 120


@pytest.mark.parametrize("scheduler", ["cosine", "multistep", "plateau", "constant"])
def test_every_scheduler_trains(train, scheduler):
    arguments = ("network.backbone=test_resnet", "epochs=2", "trainer=cpu", "logger=csv", f"scheduler={scheduler}")
    assert train(*arguments, "trainer.limit_train_batches=1").code == 0


def test_early_stopping_ends_a_stage_before_its_last_epoch(train, tmp_path):
    arguments = ("network.backbone=test_resnet", "epochs=6", "trainer=cpu", "logger=csv", "optimizer.lr=1e-12")
    ended = train(
        *arguments,
        "callbacks=early_stopping",
        "callbacks.early_stopping.patience=1",
        "+callbacks.early_stopping.min_delta=1",
    )
    assert ended.code == 0
    (result,) = tmp_path.glob("runs/run/*/result.json")
    assert json.loads(result.read_text())["epochs"] < 6


@pytest.mark.parametrize(
    ("arguments", "words"),  # the key as typed, and the value or the accepted ones
    [
        (("seed=abc",), ("seed", "abc")),
        (("seed=-1",), ("seed", "-1")),
        (("zeroing.p=1.5",), ("zeroing.p", "[0, 1]", "1.5")),
        (("zeroing=cells8_80", "zeroing.grid=64"), ("grid", "zeroing", "64 x 64", "32 x 32 px")),
        (("network.backbone=resnet5O",), ("resnet5O", "did you mean", "resnet50")),
        (("data.labels=[melanom]",), ("'melanom'",)),
        (("data.masks=[globule]",), ("'globule'", "globules")),
        (("split.val=0.01",), ("split", "val")),
        (("loss.pos_weight=balanced",), ("loss.pos_weight", "auto")),
        (("monitor.metric=val/f2",), ("val/f2", "did you mean", "val/f1")),
        (("zeroing.q=1",), ("zeroing.q",)),
        (("trainer.devices=2",), ("trainer.devices=2",)),
        (("threads=-1",), ("threads", "-1")),
        (("threads=many",), ("threads", "many")),
        (("jobs_per_gpu=0",), ("jobs_per_gpu", "0")),
        (("callbacks.last.min_seconds=-1",), ("callbacks.last.min_seconds", "-1")),
        (("tracking=server", "logger=mlflow"), ("tracking=server", "address")),
        (("tracking=server", "logger=mlflow", "tracking.uri=http://127.0.0.1:9"), ("http://127.0.0.1:9",)),
        (("trainer=tpu",), ("trainer=tpu", "cpu")),
        (("stages=[]",), ("stages", "empty")),
        (("stages=[a,b]",), ("stages", "list of mappings")),
        (("trainer.limit_val_batches=0",), ("trainer.limit_val_batches", "stage only", "0")),
        (("model.mask_conditions=[some]",), ("model.mask_conditions", "'some'", "'none'", "'given'")),
        (("network.checkpoint=nowhere.pt",), ("checkpoint", "nowhere.pt")),
    ],
)
def test_wrong_input_is_reported_in_one_line_with_key_and_value_and_exit_code_one(train, tmp_path, arguments, words):
    ended = train("network.backbone=test_resnet", "epochs=1", "logger=csv", "trainer.limit_train_batches=1", *arguments)
    assert ended.code == 1
    assert [word for word in words if word not in ended.error] == [], ended.error
    assert not list(tmp_path.glob("runs/run/*/result.json"))


def test_an_axis_with_a_repeated_value_is_refused_before_training(sweep, tmp_path):
    ended = sweep("seed=1,1", "logger=csv")
    assert ended.code == 1
    assert "the axis seed names 1 twice" in ended.error
    assert not list(tmp_path.glob("runs/**/job.json"))


def test_a_store_of_another_fit_than_configured_is_refused(train):
    ended = train("logger=csv", "data.fit=crop")
    assert "data.fit=pad" in ended.error and "data.fit=crop" in ended.error


def test_a_missing_store_is_reported_with_the_command_that_writes_it(run_script):
    ended = run_script("train.py", "data=isic2018", "logger=csv")
    assert ended.code == 1
    assert "data/isic2018-64x64.h5" in ended.error
    assert "python prepare.py data=" in ended.error


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_reported_in_one_line(train):
    ended = train("network.backbone=test_resnet", "trainer=gpu", "logger=csv")
    assert "trainer=gpu" in ended.error and "trainer=cpu" in ended.error


@pytest.mark.services  # slow, as MLflow waits twenty seconds for a lock
def test_a_locked_tracking_database_is_reported_in_one_line(train, tmp_path):
    arguments = ("network.backbone=test_resnet", "epochs=1", "trainer.limit_train_batches=1")
    assert train(*arguments).code == 0
    with sqlite3.connect(tmp_path / "mlflow.db", isolation_level="EXCLUSIVE") as other:
        other.execute("BEGIN EXCLUSIVE")
        ended = train(*arguments, "seed=1")
    assert ended.code == 1
    assert "mlflow.db" in ended.error
    assert "locked" in ended.error


def test_a_tracking_database_of_a_newer_mlflow_is_reported_in_one_line(train, empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "newer.db")
    with sqlite3.connect(tmp_path / "newer.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    ended = train("network.backbone=test_resnet", "epochs=1", "tracking.uri=sqlite:///newer.db")
    assert ended.code == 1
    assert "newer.db" in ended.error and "another MLflow version" in ended.error


def test_weights_that_are_nowhere_end_a_sweep_before_its_first_job(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr("dermoscopy.networks.hub._reachable", lambda: False)
    monkeypatch.setattr("dermoscopy.networks.hub.try_to_load_from_cache", lambda *_: None)
    ended = sweep("network.pretrained=false,true", "zeroing=everything", "seed=0,1", "logger=csv")
    assert ended.code == 1 and "test_resnet" in ended.err and "network.pretrained=false" in ended.err
    assert ended.err.count("\n") == 1 and not list(tmp_path.glob("runs/*/sweeps/*/*/job.json"))


def test_a_stage_that_cannot_take_the_weights_before_it_ends_a_sweep_before_its_first_job(sweep, tmp_path):
    stages = "stages=[{stage: a},{stage: b, network: {masks: []}}]"
    ended = sweep(stages, "zeroing=everything,nothing", "seed=0", "logger=csv")
    assert ended.code == 1 and "stage b" in ended.err
    assert not list(tmp_path.glob("runs/*/sweeps/*/*/job.json"))
