"""Checks of the options of predict.py; options without an effect are refused instead of silently ignored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import nearest
from dermoscopy.predict.isic import FORMATS
from dermoscopy.runs.files import EVALUATIONS
from dermoscopy.runs.recorded import RecordedStage
from dermoscopy.tasks.tta import TTA

USAGE = "python predict.py run=ID images=DIR out=DIR, or python predict.py run=ID data=NAME"
POSTPROCESSING = ("threshold", "fill_holes", "min_pixels", "probabilities", "instances")
ONLY_FOR = {
    "images=DIR": ("on_error", "workers", *POSTPROCESSING),
    "data=NAME": ("subset", "hd95", "panels"),
    "a run of labels": ("segmenter",),
    "runs that segment": ("tta", *POSTPROCESSING, "hd95", "panels", "data.raw"),
}
STORED = ("data.name", "data.size", "data.fit", "data.store", "data.raw")  # what predict.py reads of data=NAME
SOURCE = "data.source"  # and where the raw files are


class Rule(NamedTuple):
    """Which values a key takes, and in words."""

    accepts: Callable[[object], bool]
    words: str


def _whole(least: int, *others: object) -> Callable[[object], bool]:
    return lambda value: value in others if type(value) is not int else value >= least


def _choice(names: Iterable[str]) -> Rule:
    return Rule(lambda value: isinstance(value, str) and value in names, f"one of {', '.join(names)}")


SWITCH = Rule(lambda value: isinstance(value, bool), "true or false")
RULES = {
    "batch_size": Rule(_whole(1), "a whole number of at least 1"),
    "workers": Rule(_whole(1, None), "a whole number of at least 1, or null for one per core"),
    "min_pixels": Rule(_whole(0), "a whole number of at least 0"),
    "panels": Rule(_whole(0), "a whole number of at least 0"),
    "threshold": Rule(lambda value: isinstance(value, int | float) and 0 < value < 1, "a number between 0 and 1"),
    "tta": _choice(TTA),
    "format": _choice(FORMATS),
    "on_error": _choice(("stop", "skip")),
    "device": Rule(lambda value: value is not None, "auto, cpu, cuda, cuda:1 or mps"),
    **dict.fromkeys(("fill_holes", "instances", "probabilities", "hd95"), SWITCH),
}


def check_input(run: bool, images: bool, data: bool, out: bool) -> None:
    """Refuse an incomplete command.

    Args:
        run, images, data, out: whether each is given.

    Raises:
        ValueError: no run, both or none of images and data, or images without an output folder.
    """
    if not run:
        raise ValueError(f"run is missing: {USAGE}")
    if images and data:
        raise ValueError(f"images and data are both given; choose one: {USAGE}")
    if not images and not data:
        raise ValueError(f"images or data is missing: {USAGE}")
    if images and not out:
        raise ValueError("out is missing: python predict.py run=ID images=DIR out=DIR")


def check_options(overrides: Iterable[str], images: bool, segments: bool) -> None:
    """Refuse options without an effect.

    Args:
        overrides: of the command line, as key=value.
        images: whether images are given, not data.
        segments: whether the runs segment.

    Raises:
        ValueError: an option has no effect.
    """
    pairs = (override.lstrip("+~").partition("=") for override in overrides)
    typed = {key for key, _, value in pairs if value != "null"}
    given = {
        "images=DIR": images,
        "data=NAME": not images,
        "a run of labels": not segments,
        "runs that segment": segments,
    }
    for condition, options in ONLY_FOR.items():
        if not given[condition] and (unused := [option for option in options if option in typed]):
            raise ValueError(f"{unused[0]} has an effect only with {condition}: leave it out")
    for key in sorted(typed):
        if key.startswith("data.") and key not in STORED and not key.startswith(SOURCE):
            raise ValueError(f"{key} has no effect in predict.py, the run has its own: leave it out")


def check_values(values: Mapping[str, object]) -> None:
    """Refuse values of another type or outside their range.

    Args:
        values: by key; keys without a rule are not checked.

    Raises:
        ValueError: a value is wrong.
    """
    for key, rule in RULES.items():
        if key in values and not rule.accepts(value := values[key]):
            known = {"tta": TTA, "format": FORMATS}.get(key, ())
            raise ValueError(f"{key} must be {rule.words}, got {_shown(value)}{nearest(str(value), known)}")


def _shown(value: object) -> str:
    """Return a value as a user types it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def check_raw(root: Path) -> None:
    """Refuse a folder of raw files that does not exist.

    Raises:
        FileNotFoundError: it does not exist.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"data.raw={root} is not a folder: give that of the raw files, or leave data.raw out")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of this name; "auto" is the accelerator if there is one, else the CPU.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        probe = torch.zeros(1, device=name)
        probe.tolist()  # of a device without values, as meta, there are none
    except Exception as error:  # torch raises many kinds for a device that it cannot use
        raise ValueError(f"device={name} cannot be used on this machine: choose device=auto or device=cpu") from error
    return probe.device


def default_output(stages: Sequence[RecordedStage], store: Store, subset: str) -> Path:
    """Return the folder for the evaluation of a run on a store, in the folder of the run.

    Raises:
        ValueError: there are several runs.
    """
    if len(stages) > 1:
        raise ValueError("out is missing: several runs have no folder in common, name one with out=DIR")
    return stages[0].folder / EVALUATIONS / f"{store.path.stem}-{subset}"
