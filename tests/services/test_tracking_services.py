"""Tracking with real databases and a real server: many concurrent processes, and a server that is killed."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trouble import failing, locked, read_only

from dermoscopy.tracking import server as servers
from dermoscopy.tracking.delivery import flush_pending
from dermoscopy.tracking.experiment import connect, open_experiment
from dermoscopy.tracking.journal import Journal

pytestmark = pytest.mark.services
SCRIPT = Path(__file__).with_name("log_runs.py")
METRICS = ("train/loss", "val/loss", "val/f1", "val/average_precision", "val/seconds")


@pytest.fixture(autouse=True)
def forget_outages():
    servers.server.cache_clear()


def log_runs(uri, folder, experiment, processes, epochs, waits=()):
    arguments = [uri, folder, experiment, processes, epochs, *waits]
    with (folder / "stderr").open("w") as stderr:
        return subprocess.Popen([sys.executable, SCRIPT, *map(str, arguments)], stderr=stderr)


def runs_of(uri, experiment):
    client = connect(uri)
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id], max_results=100)


def assert_everything_is_logged_once(uri, experiment, processes, epochs):
    runs = {int(run.data.tags["job"]): run for run in runs_of(uri, experiment)}
    assert len(runs_of(uri, experiment)) == processes
    assert sorted(runs) == list(range(processes))
    for number, run in runs.items():
        assert run.info.status == "FINISHED"
        assert run.data.params == {f"group.p{n}": str(n * number) for n in range(150)}
        for place, name in enumerate(METRICS):
            points = connect(uri).get_metric_history(run.info.run_id, name)
            logged = sorted((point.step, point.value) for point in points)
            assert logged == [(epoch, number + place / 8 + epoch / 1024) for epoch in range(epochs)]


@pytest.mark.parametrize("store", ["sqlite", "server"])
def test_sixteen_concurrent_processes_log_everything_exactly_once(store, request, tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}" if store == "sqlite" else request.getfixturevalue("mlflow_server").uri
    logging = log_runs(uri, tmp_path, "sixteen", processes=16, epochs=200)
    assert logging.wait(300) == 0, (tmp_path / "stderr").read_text()
    assert flush_pending(tmp_path / "runs") == [], (tmp_path / "stderr").read_text()
    assert_everything_is_logged_once(uri, "sixteen", processes=16, epochs=200)


def test_a_server_killed_while_four_processes_log_receives_the_rest_after_its_restart(mlflow_server, tmp_path):
    logging = log_runs(mlflow_server.uri, tmp_path, "killed", processes=4, epochs=200, waits=[50, 100])
    journals = [tmp_path / "runs" / "killed" / "sweeps" / "now" / str(n) / "tracking.jsonl" for n in range(4)]

    stderr = tmp_path / "stderr"

    def wait_for(count, words, files):
        while not all(path.is_file() and path.read_text().count(words) >= count for path in files):
            assert logging.poll() is None, stderr.read_text()
            time.sleep(0.05)

    wait_for(50, '"metrics"', journals)
    mlflow_server.kill()
    (tmp_path / "50").touch()
    wait_for(4, "does not answer", [stderr])
    mlflow_server.start()
    wait_for(4, "answers again", [stderr])
    (tmp_path / "100").touch()
    assert logging.wait(300) == 0, stderr.read_text()
    text = stderr.read_text()
    assert text.count("does not answer") == text.count("answers again")  # a slow server may be reported more often
    assert flush_pending(tmp_path / "runs") == []
    assert_everything_is_logged_once(mlflow_server.uri, "killed", processes=4, epochs=200)


def test_a_server_restarted_after_the_end_of_a_job_receives_its_metrics_from_the_next_sweep(
    mlflow_server, tmp_path, capsys
):
    open_experiment(mlflow_server.uri, "late", None)
    journal = Journal(tmp_path / "runs" / "late" / "sweeps" / "now" / "0", mlflow_server.uri, "late")
    journal.begin("job 0", {}, {"sweep": "now", "job": 0})
    journal.log_metrics({"loss": 1.0}, step=0)
    mlflow_server.kill()
    for epoch in range(1, 100):
        journal.log_metrics({"loss": 1.0 / epoch}, step=epoch)
    (tmp_path / "config.yaml").write_text("a: 1")
    journal.log_artifact(tmp_path / "config.yaml")
    journal.finalize("success")
    assert "Connection refused" in capsys.readouterr().err
    assert flush_pending(tmp_path / "runs") == [journal.path]

    mlflow_server.start()
    assert flush_pending(tmp_path / "runs") == []
    (run,) = runs_of(mlflow_server.uri, "late")
    points = connect(mlflow_server.uri).get_metric_history(run.info.run_id, "loss")
    assert sorted(point.step for point in points) == list(range(100))
    assert run.info.status == "FINISHED"
    assert [file.path for file in connect(mlflow_server.uri).list_artifacts(run.info.run_id)] == ["config.yaml"]


def test_a_point_that_is_sent_twice_is_stored_once(mlflow_server, tmp_path):
    open_experiment(mlflow_server.uri, "twice", None)
    journal = Journal(tmp_path, mlflow_server.uri, "twice")
    journal.begin("job 0", {}, {"job": 0})
    journal.log_metrics({"loss": 0.1, "f1": 1 / 3}, step=7)
    assert journal.flush(force=True)
    (tmp_path / "tracking.sent").unlink()
    journal.log_metrics({"loss": 0.2}, step=8)
    assert journal.flush(force=True)
    (run,) = runs_of(mlflow_server.uri, "twice")
    for name, count in (("loss", 2), ("f1", 1)):
        assert len(connect(mlflow_server.uri).get_metric_history(run.info.run_id, name)) == count


def test_a_value_refused_by_the_server_does_not_block_the_others(mlflow_server, tmp_path):
    open_experiment(mlflow_server.uri, "refused", None)
    journal = Journal(tmp_path, mlflow_server.uri, "refused")
    journal.begin("job 0", {}, {"job": 0})
    connect(mlflow_server.uri).log_param(journal.run_id, "width", "8")
    journal.log_hyperparams({"width": 9})  # MLflow refuses a second value
    journal.log_metrics({"loss": 0.1, "what#": 1.0}, step=0)
    assert journal.flush(force=True)
    (run,) = runs_of(mlflow_server.uri, "refused")
    assert run.data.params == {"width": "8"}
    assert sorted(run.data.metrics.values()) == [0.1, 1.0]
    assert (tmp_path / "tracking.rejected.jsonl").read_text().count("\n") == 1


def log_in_trouble(uri, folder, trouble):
    """Log a run whose server or database is in trouble from the second epoch to the end; return its journal."""
    experiment = folder.name
    open_experiment(uri, experiment, folder / "artifacts")
    journal = Journal(folder / "runs" / experiment / "sweeps" / "now" / "0", uri, experiment, pause=1000)
    journal.begin("job 0", {}, {"sweep": "now", "job": 0})
    journal.log_metrics({"loss": 1.0}, step=0)
    with trouble:
        for epoch in range(1, 50):
            journal.log_metrics({"loss": 1.0 / epoch}, step=epoch)
        journal.finalize("success")
        assert flush_pending(folder / "runs") == [journal.path]
    return journal


def assert_delivered(uri, journal):
    assert flush_pending(journal.path.parents[4]) == []
    (run,) = runs_of(uri, journal.destination["experiment"])
    assert run.info.status == "FINISHED"
    points = connect(uri).get_metric_history(run.info.run_id, "loss")
    assert sorted(point.step for point in points) == list(range(50))


@pytest.mark.parametrize(("trouble", "reason"), [(locked, "locked"), (read_only, "readonly")])
def test_a_database_in_trouble_during_a_run_receives_everything_later(
    trouble, reason, empty_database, tmp_path, capsys
):
    file = Path(shutil.copy(empty_database, tmp_path / "mlflow.db"))
    journal = log_in_trouble(f"sqlite:///{file}", tmp_path, trouble(file))
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line and str(file) in line
    assert_delivered(f"sqlite:///{file}", journal)


def test_a_server_that_answers_500_during_a_run_receives_everything_later(failing_server, tmp_path, capsys):
    journal = log_in_trouble(failing_server.uri, tmp_path, failing(failing_server, ""))
    (line,) = capsys.readouterr().err.splitlines()
    assert "500" in line and str(journal.path) in line
    assert_delivered(failing_server.uri, journal)


def test_a_training_whose_server_answers_500_ends_well_and_the_server_receives_everything_later(
    failing_server, run_script, demo_store, tmp_path
):
    where = ("tracking=server", f"tracking.uri={failing_server.uri}", "name=unanswered")
    with failing(failing_server, "log-batch"):
        ended = run_script("train.py", *tiny(demo_store), *where)
    assert ended.code == 0, ended.err
    (line,) = [line for line in ended.err.splitlines() if "tracking" in line]
    assert failing_server.uri in line
    assert flush_pending(tmp_path / "runs") == []
    (run,) = runs_of(failing_server.uri, "unanswered")
    assert run.info.status == "FINISHED"
    points = connect(failing_server.uri).get_metric_history(run.info.run_id, "val/loss")
    assert sorted(point.step for point in points) == [0, 1]


def tiny(store):
    data = (f"data.store={store}", "data.raw=null", "data.size=[32,32]")
    return (*data, "network.backbone=test_resnet", "trainer=cpu", "epochs=2", "trainer.limit_train_batches=1")


def test_train_logs_to_the_server(mlflow_server, run_script, demo_store, tmp_path):
    where = ("tracking=server", f"tracking.uri={mlflow_server.uri}", "name=trained")
    ended = run_script("train.py", "-m", "seed=0,1", *tiny(demo_store), *where)
    assert ended.code == 0, ended.err
    runs = runs_of(mlflow_server.uri, "trained")
    (sweep,), (arm,), jobs = (
        [run for run in runs if run.data.tags["kind"] == kind] for kind in ("sweep", "arm", "job")
    )
    assert "mlflow.parentRunId" not in sweep.data.tags
    assert arm.data.tags["mlflow.parentRunId"] == sweep.info.run_id and arm.data.metrics["n"] == 2
    assert {run.data.tags["seed"] for run in jobs} == {"0", "1"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    for child in jobs:
        assert child.data.tags["mlflow.parentRunId"] == arm.info.run_id
        points = connect(mlflow_server.uri).get_metric_history(child.info.run_id, "val/loss")
        assert sorted(point.step for point in points) == [0, 1]
        files = {file.path for file in connect(mlflow_server.uri).list_artifacts(child.info.run_id)}
        assert {"config.yaml", "history.csv", "predictions.csv"} <= files
    assert flush_pending(tmp_path / "runs") == []
