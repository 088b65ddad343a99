"""Checks of the stages of a run, before anything is built."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from dermoscopy.config.arguments import fits, meaning
from dermoscopy.config.build import Settings
from dermoscopy.config.trainer_arguments import check_trainer
from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import nearest, typed
from dermoscopy.report.results.arms import is_test_metric

# Settings that no stage can change: they are not in its key and are read for the whole run, or one stage would test on
# training images of another.
WHOLE_RUN = frozenset(
    {
        *("name", "runs", "seed", "data", "split", *(f"datamodule.{n}" for n in ("store", "split", "split_seed"))),
        *("stages", "rerun", "threads", "jobs_per_gpu", "sweep", "logger", "tracking", "about", "hydra"),
    }
)

# Entries of `about` in an experiment, all texts.
ABOUT = {
    "question": "the question that the experiment answers",
    "command": "the command that runs it",
    "cost": "the number of jobs and the time that they take",
    "expectation": "the answer that is expected",
    "primary_metric": "the test metric that answers it, such as test/none/dice",
}
# Types of the settings that are no argument of a class.
TYPES: dict[str, Any] = {
    **dict.fromkeys(("exclusive", "exclusive_labels", "rerun", "sweep.fail_fast"), bool),
    **dict.fromkeys(("mask_threshold", "lr_finder.start", "lr_finder.end"), float),
    **{"seed": int, "lr_finder.steps": int, "monitor.metric": str, "monitor.mode": Literal["min", "max"]},
    **{"callbacks": Mapping[str, Mapping[str, Any] | None], "model.metrics": Mapping[str, Mapping[str, Any]]},
}


PUBLISHED = "pretrained"  # argument of networks
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")


def check_name(name: object) -> None:
    """Refuse a name of an experiment that cannot be a folder, or not be typed in later commands as it stands.

    Raises:
        ValueError: the name is refused.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"name={name} cannot name an experiment: give up to 100 of the letters a-z and A-Z, digits, _ . + and -, "
            "the first a letter, a digit or _"
        )


def check_repeats(seed: object, fold: object) -> None:
    """Refuse a seed or a fold that is no number: the tables of a sweep count on them.

    Args:
        seed: of the run.
        fold: the key `split.fold`; None: a split without folds.

    Raises:
        ValueError: a value is no whole number of at least 0.
    """
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {_typed(seed)}")
    if fold is not None and (type(fold) is not int or fold < 0):
        raise ValueError(f"split.fold must be a whole number of at least 0, got {_typed(fold)}")


def _typed(value: object) -> str:
    """Return a value as it is typed."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def check_about(experiment: str | None, about: object) -> dict[str, str]:
    """Return the description of an experiment, its key `about`; {} where no experiment is chosen.

    Args:
        experiment: the choice of +experiment.
        about: the value of its key `about`.

    Raises:
        ValueError: an entry is missing, unknown or no text.
    """
    if experiment is None and about is None:
        return {}
    texts = about if isinstance(about, Mapping) else {}
    name = experiment or "NAME"
    for key, content in ABOUT.items():
        if not isinstance(texts.get(key), str) or not texts[key].strip():
            raise ValueError(f"experiment/{name}.yaml lacks about.{key}: add it, a text: {content}")
    if unknown := [str(key) for key in texts if key not in ABOUT]:
        known = ", ".join(ABOUT)
        raise ValueError(
            f"about.{unknown[0]} of experiment/{name}.yaml is unknown, the keys are {known}{nearest(unknown[0], ABOUT)}"
        )
    if not is_test_metric(texts["primary_metric"]):
        raise ValueError(
            f"about.primary_metric of experiment/{name}.yaml must be test/<condition>/<name>, "
            f"got {texts['primary_metric']}"
        )
    return {key: " ".join(texts[key].split()) for key in ABOUT}


def check_stages(stages: object) -> None:
    """Refuse values that are no list of stages, before they are merged into the configuration of the run.

    Raises:
        ValueError: the list is empty, or an entry is no mapping with a name.
    """
    if not stages:
        raise ValueError("stages is empty: a run needs at least one stage")
    if isinstance(stages, str) or not isinstance(stages, Sequence) or not all(isinstance(s, Mapping) for s in stages):
        raise ValueError(f"stages must be a list of mappings, such as [{{stage: whole, epochs: 5}}], got {stages}")
    for number, stage in enumerate(stages):
        if not isinstance(stage.get("stage"), str):
            raise ValueError(f"entry {number} of stages has no name: add one, such as {{stage: half, ...}}")


def check_stage(stage: Settings, overrides: Settings, first: bool) -> None:
    """Refuse a stage that cannot be trained, or that changes a setting of the whole run.

    Args:
        stage: its configuration, overrides included.
        overrides: its changes to the configuration of the run.
        first: whether it is the first stage of the run.

    Raises:
        ValueError: a setting is invalid, or not one of a single stage.
    """
    name, epochs, lr = stage["stage"], stage["epochs"], stage["optimizer"].get("lr")
    data = {f"datamodule.{key}" for key in overrides.get("datamodule", ())}
    if fixed := sorted({*overrides, *data} & WHOLE_RUN):
        raise ValueError(f"stage {name} changes {fixed[0]}, which applies to the whole run: set it outside of stages")
    network = (overrides.get("network") or {}).items()
    parts = [key for key, value in network if isinstance(value, Mapping) and value.get("checkpoint")]
    if parts and not first:
        raise ValueError(
            f"stage {name} sets network.{parts[0]}.checkpoint, but it starts from the weights of the previous stage: "
            "set it in the first stage"
        )
    published = [
        f"network.{key}.pretrained" for key, value in network if isinstance(value, Mapping) and value.get(PUBLISHED)
    ]
    published += ["network.pretrained"] if dict(network).get(PUBLISHED) else []
    if published and not first:
        raise ValueError(
            f"stage {name} sets {published[0]}, but it starts from the weights of the previous stage, or of its own "
            "network.checkpoint: leave it out, or set it in the first stage"
        )
    if type(epochs) is not int or epochs < 1:
        raise ValueError(f"epochs of stage {name} must be a whole number of at least 1, got {_typed(epochs)}")
    if "lr" in stage["optimizer"] and lr != "auto" and not (type(lr) in (int, float) and 0 < lr < math.inf):
        raise ValueError(f"optimizer.lr of stage {name} must be a number above 0 or auto, got {lr}")
    _check_types(name, stage)
    check_trainer(name, stage["trainer"])


def check_labels(model: Settings, store: Store) -> None:
    """Refuse a task on labels without a label.

    Args:
        model: the configuration of the task.
        store: whose labels the message names.

    Raises:
        ValueError: `labels` is empty or null.
    """
    if "labels" not in model or model["labels"]:
        return
    if not store.label_names:
        raise ValueError(
            f"a classifier needs data.labels, and {store.path} has no labels: prepare it with those of a table or of "
            "masks (data.source.csv, data.source.from_masks), or train a segmenter: model=segmentation"
        )
    raise ValueError(
        f"data.labels is empty, a classifier needs at least one label: {typed('data.labels', store.label_names[:1])}; "
        f"the labels of {store.path} are {', '.join(store.label_names)}"
    )


def check_segmenter(stage: Settings) -> None:
    """Refuse a first stage whose labels depend on the masks of a segmenter without weights.

    Raises:
        ValueError: the segmenter is neither trained nor initialised from a checkpoint.
    """
    network, model = stage["network"], stage["model"]
    if "conditioning" not in network:  # a Y-net predicts labels from features, not from its masks
        return
    segmenter = network.get("segmenter")
    initialised = not isinstance(segmenter, Mapping) or segmenter.get("checkpoint") or network.get("checkpoint")
    learns = "mask_loss" in model and not model["_target_"].endswith(".LabelsOnlyTask")
    if not (initialised or learns):
        raise ValueError(
            "nothing trains network.segmenter, and it has no weights: load some by network.segmenter.checkpoint=RUN, "
            "train it by model=joint, or use the masks of the data by network.segmenter=null"
        )


def _check_types(name: str, stage: Settings) -> None:
    """Refuse settings of another type than in `TYPES`."""
    for path, hint in TYPES.items():
        part, _, key = path.rpartition(".")
        values = stage.get(part, {}) if part else stage
        value = values.get(key)
        value = OmegaConf.to_container(value) if isinstance(value, DictConfig) else value
        if key in values and not fits(value, hint):
            raise ValueError(f"{path} of stage {name} must be {meaning(hint)}, got {value}")
