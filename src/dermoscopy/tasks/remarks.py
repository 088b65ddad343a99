"""What a user should know about labels and masks before training: what is unknown, missing, or counts nowhere."""

import math
from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from dermoscopy.contracts import DataModule
from dermoscopy.contracts.networks import StartsFromFile
from dermoscopy.losses.classification import BinaryCrossEntropy, CrossEntropy
from dermoscopy.metrics.classification import known_labels
from dermoscopy.metrics.pixel_counts import POOLED_RECALL

SUBSETS = {"train": "training", "val": "validation", "test": "test"}


def check_exclusive(loss: object, exclusive_labels: bool) -> None:
    """Refuse a loss of exclusive labels whose logits would be scored as those of independent labels.

    Raises:
        ValueError: loss=classes without exclusive_labels=true.
    """
    if isinstance(loss, CrossEntropy) and not exclusive_labels:
        raise ValueError(
            "loss=classes is for labels that exclude each other: add exclusive_labels=true, or use loss=labels"
        )


def label_remarks(data: DataModule, names: Sequence[str], exclusive: bool) -> list[str]:
    """Return one line on the images whose labels are unknown, none if all are known.

    Args:
        data: the data module.
        names: of the labels.
        exclusive: whether an image has exactly one of them; with none or several it is unknown.

    Raises:
        ValueError: the labels of all images of a subset are unknown.
    """
    unknown = {name: known_labels(data.labels_of(subset), exclusive).isnan() for subset, name in SUBSETS.items()}
    if exclusive:
        for name, rows in unknown.items():
            if len(rows) and rows.any(1).all():
                raise ValueError(
                    f"no {name} image has exactly one of the labels {list(names)} (data.labels): "
                    "set exclusive_labels=false loss=labels, or choose labels that exclude each other"
                )
        counts = [f"{int(rows[:, 0].sum())} of {len(rows)} {name}" for name, rows in unknown.items() if rows.any()]
        meaning = (
            f"have none or several of {_listed(names)}, or unknown ones: they count in no score and no loss of classes"
        )
        return [f"{_listed(counts)} images {meaning}"] if counts else []
    counts = [
        f"{label} in {int(rows[:, k].sum())} of {len(rows)} {name}"
        for k, label in enumerate(names)
        for name, rows in unknown.items()
        if rows[:, k].any()
    ]
    return [f"unknown labels, which count in no loss and no score: {_listed(counts)} images"] if counts else []


def mask_remarks(data: DataModule, targets: bool = False) -> list[str]:
    """Return one line on the masks that no training image contains, none if all occur.

    Args:
        data: the data module.
        targets: whether the masks are what the network learns.

    Raises:
        ValueError: no training image is annotated for any of the targets.
    """
    absent = data.absent_masks()
    if targets and len(absent) == len(data.mask_names) and not any(absent.values()):
        raise ValueError(f"no training image is annotated for {list(absent)}: choose other masks (data.masks)")
    return (
        [f"no training image contains {_listed(absent)}: nothing can be learned about it (data.masks)"]
        if absent
        else []
    )


def balance_remarks(data: DataModule, loss: object) -> list[str]:
    """Return a line if no image is drawn more often, or if rare labels are so and weighted in the loss as well.

    Args:
        data: the data module.
        loss: of labels, whose weights are fitted; any other loss is no reason for a line.
    """
    if not data.balance:
        return []
    if not data.prefers():
        return [
            f"datamodule.balance={data.balance:g} changes nothing: no training image has a label or mask that is rarer "
            "than those of the others"
        ]
    if not isinstance(loss, BinaryCrossEntropy | CrossEntropy):
        return []
    if all(weight == 1 for weight in loss.class_weights.values()):
        return []
    return [
        f"datamodule.balance={data.balance:g} draws rare labels more often, and the loss weights them as well: both "
        "effects multiply"
    ]


def weight_remarks(network: nn.Module) -> list[str]:
    """Return a line for each part of a network whose file of weights did not fit it as a whole."""
    parts = (part for part in network.modules() if isinstance(part, StartsFromFile))
    return [part.initial_weights for part in parts if part.initial_weights]


def monitor_remarks(metric: str, best: float) -> list[str]:
    """Return one line if the metric that chooses the best epoch was defined in none."""
    if math.isfinite(best):
        return []
    return [f"{metric} is {best} in every epoch, so the first one counts as the best: choose another monitor.metric"]


def empty_remarks(metric: str, mode: str, epochs: Sequence[Mapping[str, float]], best: int) -> list[str]:
    """Return one line if no epoch's network finds a mask, or if the metric alone had chosen one that finds none.

    Args:
        metric: that chooses the best epoch, such as val/dice.
        mode: max or min, which of its values is the best.
        epochs: per epoch its number, `epoch`, and its scores of validation, without val/.
        best: the chosen epoch.
    """
    empty = {row["epoch"] for row in epochs if row[POOLED_RECALL] == 0}
    if len(empty) == len(epochs):
        return [
            "the network finds nothing: in no epoch does it predict a right pixel of a mask in validation. "
            "Train longer, or with another loss or optimizer.lr"
        ]
    sign = 1 if mode == "max" else -1
    values = {row["epoch"]: sign * row[metric.removeprefix("val/")] for row in epochs}
    alone = max(values, key=lambda epoch: -math.inf if math.isnan(values[epoch]) else values[epoch])  # the first one
    if alone == best or alone not in empty:
        return []
    return [
        f"{metric} is best in epoch {alone}, whose network finds nothing (no pixel that it predicts in validation is "
        f"right): epoch {best} is kept, the best of those that find something"
    ]


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)
