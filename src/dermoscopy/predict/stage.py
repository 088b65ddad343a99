"""Which trained stages a name means, and what their configuration says about their networks and their images."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from dermoscopy.checkpoints import BEST
from dermoscopy.files import read_json
from dermoscopy.ledger import finished
from dermoscopy.networks.weights import read_weights
from dermoscopy.tracking.experiment import address

SHOWN = 8  # candidates named in an error
MLFLOW_RUN = re.compile("[0-9a-f]{32}")
INITIAL = {"pretrained": False, "checkpoint": None}  # arguments that only fetch weights which the checkpoint replaces


@dataclass(frozen=True)
class TrainedStage:
    """A checkpoint, the configuration of its network, and how the images it learnt from were made.

    Args:
        checkpoint: its weights.
        network: configuration of the network, without initial weights.
        labels: names of the L labels, in the order of a classifier's logits.
        masks: names of the K masks, in the order of a segmenter's logits; none for a classifier.
        exclusive: whether a pixel has at most one of the masks; of a classifier: an image exactly one of the labels.
        size, fit: height and width of the images that it learnt from, and how an image was laid into them.
        reduce: by how many times they are smaller than those of its store.
        padding: what surrounds an image that does not fill its frame, see `dermoscopy.data.padding`.
        mean, std: normalisation of RGB in 0 ... 1.
        given: names of the masks that a classifier was given, in their order.
        monitored: which of them its validation was given, which chose its epoch and thresholds: none, given, predicted.
        mask_threshold: of the probability above which a pixel of a predicted mask is present.
    """

    checkpoint: Path
    network: dict[str, Any]
    labels: tuple[str, ...]
    masks: tuple[str, ...]
    exclusive: bool
    size: tuple[int, int]
    fit: str
    reduce: int
    padding: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    given: tuple[str, ...] = ()
    monitored: str = "none"
    mask_threshold: float = 0.5

    def __str__(self) -> str:
        unfinished = "" if finished(self.checkpoint.parent) else ", best weights so far: the stage is not finished"
        return f"{self.checkpoint} ({self.size[0]} x {self.size[1]} px, {self.fit}{unfinished})"


def find_checkpoints(named: Sequence[str], runs: Path, uri: str) -> list[Path]:
    """Return the checkpoint of each run, of the folder of a sweep those of all its jobs.

    Args:
        named, runs, uri: as for `find_checkpoint`.

    Raises:
        ValueError: none or one stage twice is named, or a job of a sweep is without a trained stage.
        FileNotFoundError: a stage left no checkpoint.
    """
    found = [find_checkpoint(run, runs, uri) for name in named for run in _jobs(name)]
    if not found:
        raise ValueError("run=[] names no run: give run=ID, run=[ID,ID] or the folder of a sweep")
    paths = [path.resolve() for path in found]
    if twice := [path for path in paths if paths.count(path) > 1]:
        raise ValueError(f"run names {twice[0]} more than once: name every run once")
    return found


def _jobs(run: str) -> list[str]:
    """The folders of the jobs, if a run is the folder of a sweep."""
    if not Path(run, "sweep.json").is_file():
        return [run]
    jobs = sorted((path.parent for path in Path(run).glob("*/job.json")), key=lambda job: (len(job.name), job.name))
    if not jobs:
        raise ValueError(f"run={run} is a sweep in which no job has begun")
    return [str(job) for job in jobs]


def find_checkpoint(run: str, runs: Path, uri: str) -> Path:
    """Return the checkpoint that a run names.

    Args:
        run: key of a stage or how one begins, folder of a stage or of a job, checkpoint file, or MLflow run id.
        runs: folder of the experiments' folders.
        uri: of the MLflow tracking store, opened only for a run id.

    Raises:
        ValueError: nothing, or more than one stage, goes by that name; lists candidates.
        FileNotFoundError: the stage left no checkpoint.
    """
    given = Path(run)
    if given.is_file():
        return given
    if given.is_dir():
        return _in_folder(given)
    # Stages of one key in two experiments are one and the same training: either will do.
    trained = {path.parent.name: path for path in sorted(runs.glob(f"*/*/{BEST}"))}
    key = (MLFLOW_RUN.fullmatch(run) and _tracked_key(uri, run)) or run
    found = {name: path for name, path in trained.items() if name.startswith(key)}
    if len(found) > 1:
        raise ValueError(f"run={run} begins the keys of {len(found)} stages, give one: {_candidates(found.values())}")
    if not found:
        name = f"run={run}" if key == run else f"run={run} (stage {key})"
        there_are = _candidates(trained.values())
        raise ValueError(f"{name} names no file, no folder and no trained stage in {runs}; there are: {there_are}")
    return found.popitem()[1]


def _in_folder(folder: Path) -> Path:
    """The checkpoint of a stage's folder, or of the last stage of a job's."""
    stage, job = folder, folder / "job.json"
    if job.is_file():
        record = read_json(job)
        if "key" not in record:
            raise ValueError(f"run={folder} is a job without a trained stage, its status is {record['status']}")
        stage = folder.resolve().parents[2] / record["key"]
    if not (stage / BEST).is_file():
        below = _candidates(sorted(folder.glob(f"**/{BEST}")))
        raise FileNotFoundError(f"run={folder}: no {BEST} in {stage}; stages below it: {below}")
    return stage / BEST


def _tracked_key(uri: str, run: str) -> str | None:
    """The key that an MLflow run is tagged with; None if there is no such run."""
    database = address(uri).removeprefix("sqlite:///")
    if database != address(uri) and not Path(database).is_file():  # the client would make an empty one
        return None
    from mlflow import MlflowClient  # noqa: PLC0415  (three seconds, and only where it is used)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        return MlflowClient(address(uri)).get_run(run).data.tags.get("key")
    except MlflowException:
        return None


def _candidates(checkpoints: Iterable[Path]) -> str:
    folders = [str(path.parent) for path in checkpoints]
    more = f" and {len(folders) - SHOWN} more" if len(folders) > SHOWN else ""
    return (", ".join(folders[:SHOWN]) or "none") + more


def read_stage(checkpoint: Path) -> TrainedStage:
    """Return the stage of a checkpoint, read from the configuration beside it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not the configuration of a stage.
    """
    path = checkpoint.with_name("config.yaml")
    if not path.is_file():
        raise FileNotFoundError(f"{checkpoint} has no config.yaml beside it: copy the whole folder of the stage")
    try:
        config = yaml.safe_load(path.read_text())
        network, data, model = config["network"], config["datamodule"], config["model"]
        reduce = data.get("reduce", 1)  # records of earlier runs lack it, and the padding
        return TrainedStage(
            checkpoint=checkpoint,
            network=_without_weights(network),
            labels=tuple(data["labels"]),
            masks=() if "labels" in model else tuple(model["masks"]),
            exclusive=model.get("exclusive_labels" if "labels" in model else "exclusive", False),
            size=(config["data"]["size"][0] // reduce, config["data"]["size"][1] // reduce),
            fit=config["data"]["fit"],
            reduce=reduce,
            padding=data.get("eval_padding", "constant"),
            mean=tuple(data["mean"]),
            std=tuple(data["std"]),
            given=tuple(data["masks"]) if "labels" in model else (),
            monitored=model.get("monitored", "none"),
            mask_threshold=data.get("mask_threshold", 0.5),
        )
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise ValueError(
            f"{path} is not the configuration of a trained stage ({type(error).__name__}: {first})"
        ) from error


def _without_weights(network: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a network, and of the networks in it, that fetches no weights."""
    parts = {name: _without_weights(part) for name, part in network.items() if isinstance(part, dict)}
    return network | parts | {name: value for name, value in INITIAL.items() if name in network}


def load_weights(network: nn.Module, checkpoint: Path) -> None:
    """Load the network's weights of a checkpoint, which holds those of its whole task.

    Raises:
        ValueError: the file holds no weights, or those of another network.
    """
    weights = {name: value for name, value in read_weights(checkpoint).items() if not name.startswith("loss.")}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{checkpoint} does not fit the network of the config.yaml beside it: {reason}") from error
