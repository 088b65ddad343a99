"""Logging of a job's run: its name, tags and parameters, and in the end its metrics and small files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dermoscopy.contracts import Logger, RunTracker

PARENT = "mlflow.parentRunId"
# Of the last stage: small files, and the folder with pictures of epochs.
ARTIFACTS = ("config.yaml", "*.csv", "*.png", "epochs")


def describe_run(
    logger: Logger, folder: Path, record: Mapping[str, Any], parameters: Mapping[str, object], parent: str | None
) -> None:
    """Begin or continue the run of a job: its name, tags and parameters (configuration paths).

    Args:
        logger: a `RunTracker`; any other logger gets only the parameters.
        folder: of the job.
        record: of the job, with its key.
        parameters: settings by path in the configuration.
        parent: MLflow id of the sweep's run; None: a single run, or a sweep that was not sent to the server yet.
    """
    if isinstance(logger, RunTracker):
        tags = {name: record[name] for name in ("arm", "seed", "fold", "commit", "dirty")}
        tags |= {"data": record["data"]["fingerprint"], PARENT: parent}
        identity = {"sweep": folder.parent.name, "job": folder.name, "key": record["key"]}
        logger.begin(f"{record['arm']}, seed {record['seed']}", tags, identity)
    logger.log_hyperparams(dict(parameters))


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


def flatten(configuration: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return the values of a nested configuration by dotted path."""
    flat: dict[str, object] = {}
    for name, value in configuration.items():
        path = f"{prefix}{name}"
        flat |= flatten(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return flat
