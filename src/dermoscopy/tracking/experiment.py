"""MLflow stores and experiments: clients, and opening or creating an experiment."""

import logging
import os
import sqlite3
import sys
import time
import warnings
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from filelock import FileLock

from dermoscopy.tracking.addresses import (
    address,
    artifact_store,
    artifacts_of,
    check_address,
    check_artifacts,
    database,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

# An unreachable server must not delay training: no retries by the client, and ten seconds instead of two minutes.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
BUSY = 120  # seconds for opening an experiment: a server is slow if many jobs start at once


def say(line: str) -> None:
    """Print one line about the tracking to standard error."""
    print(f"tracking: {line}", file=sys.stderr, flush=True)


def connect(uri: str) -> "MlflowClient":
    """Return a client with short timeouts and without log messages; MLflow itself opens each store once per process.

    Variables that the user has set in the environment are kept.
    """
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    if database(uri):  # an open connection would still write to a file that was moved
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    for name in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from mlflow import MlflowClient  # noqa: PLC0415  (takes two seconds, needed only for sending)

    return MlflowClient(address(uri))


def experiment_id(client: "MlflowClient", name: str, artifacts: str | Path | None) -> str:
    """Return the id of an experiment, which is created if it does not exist.

    Args:
        client: of the tracking store.
        name: of the experiment.
        artifacts: place of the artifacts of all experiments, see `artifact_store`.

    Raises:
        ValueError: the experiment was deleted.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    experiment, store = client.get_experiment_by_name(name), artifact_store(artifacts)
    if experiment is None:
        place = None if store is None else artifacts_of(store, name)
        try:
            return client.create_experiment(name, artifact_location=place)
        except MlflowException:
            experiment = client.get_experiment_by_name(name)
            if experiment is None:  # otherwise another process was faster
                raise
    if experiment.lifecycle_stage == "deleted":
        raise ValueError(f"the experiment {name} was deleted in MLflow: restore it there, or give another name=")
    return experiment.experiment_id


def open_experiment(uri: str | None, experiment: str, artifacts: str | Path | None) -> str:
    """Return the id of an MLflow experiment; the database and the experiment are created if they do not exist.

    Called once, before any job starts. A lock lets one process in at a time, as concurrent migrations of a new database
    would crash.

    Raises:
        ValueError: no address, or a wrong one; nothing can be stored where the artifacts belong; the server does not
            answer; the database is locked, from a newer MLflow, or cannot be opened; the experiment was deleted.
    """
    uri = check_address(uri)
    check_artifacts(artifacts)
    file = database(uri)
    if file is None:
        return _open(uri, experiment, artifacts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file.with_name(f"{file.name}.lock"))
        lock.acquire()
    except OSError as error:
        raise ValueError(f"tracking.uri {uri} cannot be used: {error}; {_advice(error)}") from error
    try:
        return _open(uri, experiment, artifacts)
    finally:
        lock.release()


def _open(uri: str, experiment: str, artifacts: str | Path | None) -> str:
    from alembic.util import CommandError  # noqa: PLC0415  (part of MLflow, which takes seconds)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        return _open_if_busy(uri, experiment, artifacts)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"tracking.uri {uri} needs the Python package {error.name}, which is not installed: install it, or name "
            "another driver, such as postgresql+psycopg2://"
        ) from error
    except (MlflowException, SQLAlchemyError, sqlite3.Error, CommandError) as error:
        broken = isinstance(error, MlflowException) and error.get_http_status_code() >= 500
        if uri.startswith("http") and broken:
            raise ValueError(f"tracking.uri {uri} does not answer: start the server, or tracking=sqlite") from error
        raise ValueError(f"tracking.uri {uri} cannot be used: {_first_line(error)}; {_advice(error)}") from error


def _open_if_busy(uri: str, experiment: str, artifacts: str | Path | None) -> str:
    """Open an experiment, with retries for `BUSY` seconds while the server accepts connections without answering."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  (takes seconds)

    end = time.monotonic() + BUSY
    while True:
        try:
            client = connect(uri)
            number = experiment_id(client, experiment, artifacts)
            _follow_project(uri, artifacts)
            _tell_other_place(client, number, artifacts)
            return number
        except MlflowException as error:
            if "Read timed out" not in str(error) or time.monotonic() > end:
                raise
        warnings.warn(f"tracking.uri {uri} is slow to answer; retrying for {BUSY} seconds", stacklevel=2)


def _follow_project(uri: str, artifacts: str | Path | None) -> None:
    """Record the artifacts of a local database where they are now, if they were moved or copied together with it.

    MLflow records absolute folders, and would make those of the old place again, or write into the original of a copy.
    """
    file, store = database(uri), artifact_store(artifacts)
    if file is None or store is None or not Path(store).is_relative_to(file.resolve().parent):
        return
    followed: Counter[Path] = Counter()
    with closing(sqlite3.connect(file.resolve())) as connection, connection:
        places = connection.execute(
            "SELECT experiment_id, artifact_location FROM experiments WHERE experiment_id != 0"  # MLflow's own
        ).fetchall()
        for number, recorded in places:
            old = Path(unquote(str(recorded).removeprefix("file://")))
            new = Path(store, old.name)
            runs = connection.execute("SELECT run_uuid FROM runs WHERE experiment_id = ?", [number]).fetchall()
            if home := _old_home(file.resolve(), old, new, [run for (run,) in runs]):
                place, known = new.as_uri(), f"{recorded}/"
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", [place, number]
                )
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
                    "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
                    [f"{place}/", len(known) + 1, number, len(known), known],
                )
                followed[home] += 1
    for home, count in followed.items():
        say(f"{file} was in {home} before: the artifacts of {count} of its experiments are now recorded in {store}")


def _old_home(file: Path, old: Path, new: Path, runs: list[str]) -> Path | None:
    """Return the folder in which a database was when it recorded `old`, None unless its artifacts came along to `new`.

    They did if `old` had the same path from there, and no run would lose its artifacts.
    """
    inner = new.parent.relative_to(file.parent)
    home = next(iter(old.parents[len(inner.parts) :]), None)
    if not old.is_absolute() or old == new or home is None or home / inner != old.parent:
        return None
    left_behind = any((old / run).exists() and not (new / run).exists() for run in runs)
    came = new.exists() or not home.exists() or (home / file.name).exists()  # without runs: gone from there, or copied
    return home if came and not left_behind else None


def _tell_other_place(client: "MlflowClient", number: str, artifacts: str | Path | None) -> None:
    """Print one line if the artifacts of an experiment are elsewhere: MLflow keeps the place of its creation."""
    if (store := artifact_store(artifacts)) is None:
        return
    experiment = client.get_experiment(number)
    if experiment.artifact_location == artifacts_of(store, experiment.name):
        return
    say(
        f"the artifacts of {experiment.name} stay in {experiment.artifact_location}, where this experiment "
        f"was created, and not in tracking.artifacts={artifacts}: name=NAME begins another one"
    )


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "locked" in text:
        return (
            "another program has locked it: close that program, or choose another file with tracking.uri=sqlite:///FILE"
        )
    if "schema" in text or "revision" in text:
        return "it belongs to another MLflow version: install that one, or choose another file with tracking.uri=sqlite:///FILE"
    return "choose another file with tracking.uri=sqlite:///FILE, or logger=csv"
