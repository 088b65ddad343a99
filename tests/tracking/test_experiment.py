"""Addresses of the tracking store, opening an experiment, and the calls of a run to its logger."""

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
from mlflow.utils.file_utils import local_file_uri_to_path

from dermoscopy.machine.files import write_json
from dermoscopy.tracking import experiment as experiments
from dermoscopy.tracking.experiment import connect, open_experiment
from dermoscopy.tracking.job_run import PARENT, JobRun, by_dotted_key, describe_run, finish_run


def test_parameters_are_named_by_their_path_in_the_configuration():
    assert by_dotted_key({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}


def test_an_experiment_is_created_once_and_keeps_the_place_of_its_artifacts(tmp_path, capsys):
    uri = f"sqlite:///{tmp_path / 'folder' / 'mlflow.db'}"
    number = open_experiment(uri, "lab", tmp_path / "artifacts")
    assert open_experiment(uri, "lab", tmp_path / "artifacts") == number
    assert connect(uri).get_experiment(number).artifact_location == (tmp_path / "artifacts" / "lab").as_uri()
    assert capsys.readouterr().err == ""
    assert open_experiment(uri, "lab", tmp_path / "others") == number
    line = capsys.readouterr().err
    assert "artifacts/lab" in line and f"tracking.artifacts={tmp_path / 'others'}" in line
    connect(uri).delete_experiment(number)
    with pytest.raises(ValueError, match="the experiment lab was deleted in MLflow: restore it there, or give another"):
        open_experiment(uri, "lab", tmp_path / "artifacts")


@pytest.fixture
def project(tmp_path, empty_database):
    """Return a folder with a database, and in its experiment lab a run with an artifact."""
    folder = tmp_path / "old & 1%"
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    (folder / "note.txt").write_text("of the original")
    log_note(folder, opened(folder))
    return folder


def opened(folder, artifacts=None):
    return open_experiment(
        f"sqlite:///{folder}/mlflow.db".replace("%", "%25"), "lab", artifacts or folder / "mlartifacts"
    )


def client_of(folder):
    return connect(f"sqlite:///{folder}/mlflow.db".replace("%", "%25"))


def log_note(folder, number):
    _artifact_repos_cache.clear()  # as in another process
    runs = client_of(folder).search_runs([number])
    run = runs[0] if runs else client_of(folder).create_run(number)
    client_of(folder).log_artifact(run.info.run_id, folder / "note.txt")


def note(folder, number):
    """Return the content of the artifact where MLflow finds it."""
    (run,) = client_of(folder).search_runs([number])
    return Path(local_file_uri_to_path(run.info.artifact_uri), "note.txt").read_text()


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_artifacts_of_a_project_that_was_moved_or_copied_are_read_and_written_where_they_are_now(
    project, tmp_path, capsys, how
):
    new, original = tmp_path / "new ü", (project / "mlflow.db").read_bytes()
    project.rename(new) if how == "moved" else shutil.copytree(project, new)
    number = opened(new)
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and str(project) in line and str(new) in line
    if how == "copied":
        (project / "mlartifacts").rename(tmp_path / "away")
    assert note(new, number) == "of the original"
    (new / "note.txt").write_text("written now")
    log_note(new, number)
    assert note(new, number) == "written now"
    assert not (project / "mlartifacts").exists()
    assert how == "moved" or (project / "mlflow.db").read_bytes() == original
    opened(new)
    assert capsys.readouterr().err == ""


def test_artifacts_that_did_not_come_along_stay_where_they_are(project, tmp_path, capsys):
    """The artifacts of a database that was copied alone, a folder of the same name on another disk, and a bucket."""
    alone, disk = tmp_path / "alone", tmp_path / "disk"
    alone.mkdir()
    shutil.copy(project / "mlflow.db", alone)
    number = opened(alone)
    assert note(alone, number) == "of the original"
    assert f"{tmp_path.as_uri()}/old%20%26%201%25/mlartifacts/lab" in capsys.readouterr().err
    disk.mkdir()
    (project / "mlartifacts").rename(disk / "mlartifacts")
    for place in ((disk / "mlartifacts" / "lab").as_uri(), "s3://bucket/mlartifacts/lab"):
        with closing(sqlite3.connect(project / "mlflow.db")) as database, database:
            database.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'lab'", [place])
        opened(project)
        assert client_of(project).get_experiment(number).artifact_location == place


def test_a_database_of_a_newer_mlflow_and_a_file_that_is_no_database_are_reported_in_one_line(tmp_path):
    with sqlite3.connect(tmp_path / "newer.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('from_the_future')")
    (tmp_path / "text.db").write_text("no database" * 1000)
    for name in ("newer.db", "text.db"):
        with pytest.raises(ValueError, match=f"{name} cannot be used: .+; .+") as caught:
            open_experiment(f"sqlite:///{tmp_path / name}", "lab", tmp_path)
        assert "\n" not in str(caught.value)


def test_a_database_where_no_file_can_be_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=f"tracking.uri sqlite:///{tmp_path}/file/x.db cannot be used: .+"):
        open_experiment(f"sqlite:///{tmp_path}/file/x.db", "lab", tmp_path)


def test_a_missing_driver_of_a_database_is_named():
    with pytest.raises(ValueError, match="tracking.uri mysql://u@h/x needs the Python package MySQLdb"):
        open_experiment("mysql://u@h/x", "lab", None)


@pytest.mark.parametrize("uri", [None, ""])
def test_a_server_without_an_address_is_reported_in_one_line(uri):
    with pytest.raises(ValueError, match="tracking=server needs an address: tracking.uri=http://HOST:5000 or"):
        open_experiment(uri, "lab", None)


def test_a_server_that_does_not_answer_is_reported_in_one_line():
    uri = "http://127.0.0.1:9"  # nothing listens there
    with pytest.raises(ValueError, match=f"tracking.uri {uri} does not answer: start the server, or tracking=sqlite"):
        open_experiment(uri, "lab", None)


@pytest.fixture
def busy_server(monkeypatch):
    """Start a server that accepts every connection, and answers from request number `answers_from` on."""
    requests, over = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            if len(requests) < self.server.answers_from:
                over.wait()
                return
            answer = json.dumps({"experiment": {"experiment_id": "7", "name": "lab", "lifecycle_stage": "active"}})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            """Print nothing."""

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.uri = requests, f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    over.set()
    server.shutdown()
    server.server_close()


def test_requests_to_a_busy_server_are_repeated(busy_server):
    busy_server.answers_from = 3
    with pytest.warns(UserWarning, match=f"tracking.uri {busy_server.uri} is slow to answer"):
        assert open_experiment(busy_server.uri, "lab", None) == "7"
    assert len(busy_server.requests) == 3


def test_a_server_that_stays_busy_is_reported_in_one_line(busy_server, monkeypatch):
    busy_server.answers_from = 10**6
    monkeypatch.setattr(experiments, "BUSY", 0)
    with pytest.raises(ValueError, match=f"tracking.uri {busy_server.uri} does not answer: start the server"):
        open_experiment(busy_server.uri, "lab", None)


class RecordingLogger:
    """A logger that keeps the arguments of its calls."""

    def __init__(self):
        self.calls = {}

    def log_hyperparams(self, params):
        self.calls["params"] = params

    def log_metrics(self, metrics, step=None):
        self.calls["metrics"] = metrics

    def finalize(self, status):
        self.calls["status"] = status


class RecordingJournal(RecordingLogger):
    sends = False

    def log_dataset(self, name, digest, source, profile):
        self.calls["dataset"] = (name, digest, source, profile)

    def begin(self, name, tags, identity):
        self.calls |= {"name": name, "tags": tags, "identity": identity}

    def set_tags(self, tags):
        self.calls["more"] = tags

    def log_artifact(self, path):
        self.calls.setdefault("artifacts", []).append(path.name)


@pytest.mark.parametrize("logger", [RecordingLogger(), RecordingJournal()])
def test_a_journal_gets_everything_and_another_logger_only_parameters_and_metrics(logger, tmp_path):
    job, stage = tmp_path / "sweeps" / "now" / "3", tmp_path / "abc"
    stage.mkdir()
    (stage / "config.yaml").touch()
    write_json(job.parent / "sweep.json", {"parent_run": "f00"})
    record = {"arm": "zeroing=everything", "seed": 1, "fold": 2, "key": "abc", "commit": "c0", "dirty": False}
    record |= {"data": {"name": "demo", "fingerprint": "d" * 64, "size": [64, 64]}}
    run = JobRun({"a.b": 1}, {"project": "lab"}, "demo.h5")
    describe_run(logger, job, record, run, "image only", "f00")
    finish_run(logger, {"test/none/f1": 0.5, "test/none/ap": float("nan")}, stage, "5ha")
    journal = isinstance(logger, RecordingJournal)
    assert logger.calls["params"] == {"a.b": 1}
    assert logger.calls["metrics"] == {"test/none/f1": 0.5}
    assert logger.calls.get("identity") == ({"sweep": "now", "job": "3", "key": "abc"} if journal else None)
    if journal:
        assert logger.sends
        assert logger.calls["name"] == "image only, seed 1, fold 2"
        expected = {PARENT: "f00", "data": "d" * 64, "project": "lab", "kind": "job", "arm": "image only"}
        assert logger.calls["tags"].items() >= {**expected, "setting": "zeroing=everything"}.items()
        assert logger.calls["dataset"] == ("demo", "d" * 36, "demo.h5", {"size": [64, 64]})
        assert logger.calls["artifacts"] == ["config.yaml"]
        assert logger.calls["more"]["checkpoint_sha256"] == "5ha"
