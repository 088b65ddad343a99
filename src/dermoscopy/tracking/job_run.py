"""Logging of a job's run: its name, tags and parameters, and in the end its metrics and small files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dermoscopy.contracts import Logger, RunTracker
from dermoscopy.tracking.names import LONGEST_DATASET
from dermoscopy.tracking.sweep_run import PARENT

# Of the last stage: small files, the folder with pictures of epochs and, if asked for, that of a model to serve.
ARTIFACTS = ("config.yaml", "*.csv", "*.png", "epochs", "model")


@dataclass(frozen=True)
class JobRun:
    """What the run of a job has in MLflow beside the record of the job.

    Attributes:
        parameters: settings by key.
        tags: of the user's own.
        data: file of the store.
        sends: whether the process of the job sends the events, rather than that of the command.
        system_metrics: whether the load of the machine is logged.
    """

    parameters: Mapping[str, object]
    tags: Mapping[str, object] = field(default_factory=dict)
    data: str = ""
    sends: bool = True
    system_metrics: bool = False


def describe_run(
    logger: Logger, folder: Path, record: Mapping[str, Any], run: JobRun, arm: str, parent: str | None
) -> None:
    """Begin or continue the run of a job: its name, tags, data set and parameters.

    Args:
        logger: a `RunTracker`; any other logger gets only the parameters.
        folder: of the job.
        record: of the job, with its key.
        run: what else it has.
        arm: display name of its arm.
        parent: MLflow id of the run of its arm; None: a single run, or a sweep that was not sent to the server yet.
    """
    if isinstance(logger, RunTracker):
        logger.sends = run.sends
        facts = {name: record[name] for name in ("seed", "fold", "commit", "dirty")}
        tags = {**run.tags, **facts, "kind": "job", "arm": arm, "setting": record["arm"]}
        tags |= {"data": record["data"]["fingerprint"], PARENT: parent}
        identity = {"sweep": folder.parent.name, "job": folder.name, "key": record["key"]}
        fold = "" if record["fold"] is None else f", fold {record['fold']}"
        logger.begin(f"{arm}, seed {record['seed']}{fold}", tags, identity)
        data = record["data"]
        logger.log_dataset(
            data["name"], data["fingerprint"][: LONGEST_DATASET["digest"]], run.data, {"size": data["size"]}
        )
    logger.log_hyperparams(dict(run.parameters))


def finish_run(logger: Logger, metrics: Mapping[str, float], folder: Path, sha256: str) -> None:
    """Log the final metrics (best/..., test/...), and log the small files of the last stage's folder as artifacts.

    The checkpoint and the predicted masks are not copied; tags of the run have their paths.

    Args:
        logger: a `RunTracker`; any other logger gets only the metrics.
        metrics: of the run; NaN is undefined and left out.
        folder: of the last stage.
        sha256: of its best checkpoint.
    """
    logger.log_metrics({name: value for name, value in metrics.items() if value == value})
    if isinstance(logger, RunTracker):
        for path in sorted(path for pattern in ARTIFACTS for path in folder.glob(pattern)):
            logger.log_artifact(path)
        masks = folder / "masks.h5"
        tags = {"checkpoint": (folder / "best.ckpt").resolve(), "checkpoint_sha256": sha256}
        logger.set_tags(tags | {"masks": masks.resolve() if masks.is_file() else None})


def by_dotted_key(configuration: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return the values of a nested configuration by dotted path."""
    flat: dict[str, object] = {}
    for name, value in configuration.items():
        path = f"{prefix}{name}"
        flat |= by_dotted_key(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return flat
