"""Which trained stages a name means, and what their configuration says about their networks and their images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from dermoscopy.networks.weights import read_weights
from dermoscopy.runs.stage import finished

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
        padding: what surrounds an image that does not fill its frame, see `dermoscopy.data.batches.padding`.
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
