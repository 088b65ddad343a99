"""The record of sweeps and runs in MLflow: a parent run a sweep, a child run a job."""

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger

PARENT = "mlflow.parentRunId"
ARTIFACTS = ("config.yaml", "history.csv", "predictions.csv", "curves.png")


def address(uri: str) -> str:
    """Return the address of a tracking store; a relative sqlite file is taken from the working folder, once."""
    kind, separator, path = uri.partition("sqlite:///")
    return f"sqlite:///{Path(path).resolve()}" if separator and not kind else uri


def open_experiment(uri: str, experiment: str, artifacts: str | Path) -> str:
    """Return the id of an MLflow experiment, making the database and the experiment if they are not there yet.

    Called once, before any job starts: several processes that migrate a fresh database at once would crash.

    Raises:
        ValueError: the database is locked, from a newer MLflow, or cannot be opened.
    """
    from mlflow import MlflowClient  # noqa: PLC0415  (three seconds, and only where it is used)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        client = MlflowClient(address(uri))
        found = client.get_experiment_by_name(experiment)
        if found is not None:
            return found.experiment_id
        return client.create_experiment(experiment, artifact_location=(Path(artifacts).resolve() / experiment).as_uri())
    except (MlflowException, SQLAlchemyError) as error:
        raise ValueError(f"tracking.uri {uri} cannot be used: {_first_line(error)}; {_advice(error)}") from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "locked" in text:
        return "another program holds it: close that, or choose another file with tracking.uri=sqlite:///FILE"
    if "schema" in text or "revision" in text:
        return "it belongs to another MLflow version: install that one, or choose another file with tracking.uri=sqlite:///FILE"
    return "choose another file with tracking.uri=sqlite:///FILE, or logger=csv"


def mlflow_logger(uri: str, experiment: str, artifacts: str | Path) -> Logger:
    """Return Lightning's MLflow logger for a new run of the experiment."""
    from pytorch_lightning.loggers import MLFlowLogger  # noqa: PLC0415

    open_experiment(uri, experiment, artifacts)
    return MLFlowLogger(experiment_name=experiment, tracking_uri=address(uri))


def start_parent(uri: str, experiment: str, artifacts: str | Path, name: str, tags: Mapping[str, str]) -> str:
    """Start the parent run of a sweep and return its id."""
    from mlflow import MlflowClient  # noqa: PLC0415

    number = open_experiment(uri, experiment, artifacts)
    return MlflowClient(address(uri)).create_run(number, run_name=name, tags=dict(tags)).info.run_id


def end_parent(uri: str, run: str, status: str, artifacts: Sequence[Path]) -> None:
    """End the parent run with a status (FINISHED, FAILED or KILLED) and keep the sweep's tables with it."""
    from mlflow import MlflowClient  # noqa: PLC0415

    client = MlflowClient(address(uri))
    for path in artifacts:
        client.log_artifact(run, str(path))
    client.set_terminated(run, status)


def describe_run(logger: Any, name: str, tags: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Give a job's run its name, tags and parameters (configuration paths); other loggers take the parameters only."""
    logger.log_hyperparams(dict(parameters))
    if run := _mlflow_run(logger):
        logger.experiment.update_run(run, name=name)
        for tag, value in tags.items():
            if value is not None:
                logger.experiment.set_tag(run, tag, str(value))


def finish_run(logger: Any, metrics: Mapping[str, float], folder: Path) -> None:
    """Log the final metrics (best/..., test/...) and keep the small files of the last stage's folder as artifacts.

    The checkpoint stays where it is; the run names its path and its sha256.
    """
    logger.log_metrics({name: value for name, value in metrics.items() if value == value})  # NaN is undefined
    if run := _mlflow_run(logger):
        client = logger.experiment
        for name in ARTIFACTS:
            if (folder / name).is_file():
                client.log_artifact(run, str(folder / name))
        checkpoint = folder / "best.ckpt"
        client.set_tag(run, "checkpoint", str(checkpoint.resolve()))
        client.set_tag(run, "checkpoint_sha256", sha256(checkpoint))


def _mlflow_run(logger: Any) -> str | None:
    return getattr(logger, "run_id", None)


def flatten(configuration: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted paths and their values."""
    flat: dict[str, Any] = {}
    for name, value in configuration.items():
        path = f"{prefix}{name}"
        flat |= flatten(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return flat


def sha256(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def commit() -> tuple[str | None, bool]:
    """Return the git commit of the working folder and whether tracked files differ; (None, False) outside git."""
    try:
        return _git("rev-parse", "HEAD"), bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, no commit yet: there is nothing to name
        return None, False


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
