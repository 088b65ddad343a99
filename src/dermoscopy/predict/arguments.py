"""Checks of the options of predict.py; options without an effect are refused instead of silently ignored."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import torch

from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import nearest
from dermoscopy.runs.files import EVALUATIONS
from dermoscopy.runs.recorded import RecordedStage
from dermoscopy.tasks.tta import TTA

USAGE = "python predict.py run=ID images=DIR out=DIR, or python predict.py run=ID data=NAME"
POSTPROCESSING = ("threshold", "fill_holes", "min_pixels", "probabilities", "instances")
ONLY_FOR = {
    "images=DIR": ("on_error", "workers", *POSTPROCESSING),
    "data=NAME": ("subset", "hd95", "panels"),
    "a run of labels": ("segmenter",),
    "runs that segment": ("tta", *POSTPROCESSING, "hd95", "panels"),
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
    typed = {override.partition("=")[0] for override in overrides}
    given = {
        "images=DIR": images,
        "data=NAME": not images,
        "a run of labels": not segments,
        "runs that segment": segments,
    }
    for condition, options in ONLY_FOR.items():
        if not given[condition] and (unused := [option for option in options if option in typed]):
            raise ValueError(f"{unused[0]} has an effect only with {condition}: leave it out")


def check_values(batch_size: int, tta: str) -> None:
    """Refuse values outside their range.

    Raises:
        ValueError: a value is outside its range.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if tta not in TTA:
        raise ValueError(f"tta must be one of {', '.join(TTA)}, got {tta!r}{nearest(tta, TTA)}")


def names_of(run: str) -> list[str]:
    """Return the names of runs in an argument of the command line, ID or [ID,ID]."""
    if not (run.startswith("[") and run.endswith("]")):
        return [run]
    return [name.strip(" '\"") for name in run[1:-1].split(",") if name.strip()]


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of this name; "auto" is the accelerator if there is one, else the CPU.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch raises either for a device it cannot use
        raise ValueError(f"device={name} cannot be used on this machine: choose device=auto or device=cpu") from error


def open_output(out: str | Path) -> Path:
    """Return the folder for the results, created if missing; called before anything is computed.

    Raises:
        OSError: the folder cannot be created or written.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(f"out={folder} cannot be written ({error.strerror}): name another folder") from error
    return folder


def default_output(stages: Sequence[RecordedStage], store: Store, subset: str) -> Path:
    """Return the folder for the evaluation of a run on a store, in the folder of the run.

    Raises:
        ValueError: there are several runs.
    """
    if len(stages) > 1:
        raise ValueError("out is missing: several runs have no folder in common, name one with out=DIR")
    return stages[0].folder / EVALUATIONS / f"{store.path.stem}-{subset}"
