"""Where the record of runs is kept: the address of an MLflow store, and an experiment in it."""

import logging
import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A server that is away must not hold training up: no repetition by the client, and ten seconds instead of two minutes.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
BUSY = 120  # seconds to open an experiment in: many jobs that start at once keep a server that is there busy


def address(uri: str) -> str:
    """Return the address of a tracking store; a relative sqlite file is taken from the working folder, once."""
    file = database(uri)
    return f"sqlite:///{file.resolve()}" if file else uri


def database(uri: str) -> Path | None:
    """Return the file of an sqlite address, None for any other."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def connect(uri: str) -> "MlflowClient":
    """Return a client that does not wait long and logs nothing; MLflow itself opens each store once a process.

    What the user has set in the environment stays.
    """
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    if database(uri):  # a connection kept open would still lead to a file that was moved away
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    for chatty in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    from mlflow import MlflowClient  # noqa: PLC0415  (two seconds, and only where something is sent)

    return MlflowClient(address(uri))


def experiment_id(client: "MlflowClient", name: str, artifacts: str | Path | None) -> str:
    """Return the id of an experiment, made if it is not there yet.

    Args:
        client: of the tracking store.
        name: of the experiment.
        artifacts: folder for the artifacts of all experiments; None: the server decides.

    Raises:
        ValueError: the experiment was deleted.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    found = client.get_experiment_by_name(name)
    if found is None:
        place = None if artifacts is None else (Path(artifacts).resolve() / name).as_uri()
        try:
            return client.create_experiment(name, artifact_location=place)
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:  # otherwise another process was faster
                raise
    if found.lifecycle_stage == "deleted":
        raise ValueError(f"the experiment {name} was deleted in MLflow: restore it there, or give another name=")
    return found.experiment_id


def open_experiment(uri: str | None, experiment: str, artifacts: str | Path | None) -> str:
    """Return the id of an MLflow experiment, making the database and the experiment if they are not there yet.

    Called once, before any job starts. One process at a time, as several that migrate a fresh database would crash.

    Raises:
        ValueError: no address; the server does not answer; the database is locked, from a newer MLflow, or cannot be
            opened; the experiment was deleted.
    """
    if not uri:
        raise ValueError(
            "tracking=server needs an address: tracking.uri=http://HOST:5000 or the environment's MLFLOW_TRACKING_URI"
        )
    file = database(uri)
    if file is None:
        return _open(uri, experiment, artifacts)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f"{file.name}.lock")):
        return _open(uri, experiment, artifacts)


def _open(uri: str, experiment: str, artifacts: str | Path | None) -> str:
    from alembic.util import CommandError  # noqa: PLC0415  (with MLflow, which takes seconds)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        return _open_if_busy(uri, experiment, artifacts)
    except (MlflowException, SQLAlchemyError, CommandError) as error:
        broken = isinstance(error, MlflowException) and error.get_http_status_code() >= 500
        if uri.startswith("http") and broken:
            raise ValueError(f"tracking.uri {uri} does not answer: start the server, or tracking=sqlite") from error
        raise ValueError(f"tracking.uri {uri} cannot be used: {_first_line(error)}; {_advice(error)}") from error


def _open_if_busy(uri: str, experiment: str, artifacts: str | Path | None) -> str:
    """Ask again for as long as a server takes connections and does not come to answering."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  (takes seconds)

    end = time.monotonic() + BUSY
    while True:
        try:
            return experiment_id(connect(uri), experiment, artifacts)
        except MlflowException as error:
            if "Read timed out" not in str(error) or time.monotonic() > end:
                raise
        warnings.warn(f"tracking.uri {uri} is slow to answer; it is asked for {BUSY} seconds", stacklevel=2)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "locked" in text:
        return "another program holds it: close that, or choose another file with tracking.uri=sqlite:///FILE"
    if "schema" in text or "revision" in text:
        return "it belongs to another MLflow version: install that one, or choose another file with tracking.uri=sqlite:///FILE"
    return "choose another file with tracking.uri=sqlite:///FILE, or logger=csv"
