"""The Lightning trainer of a stage."""

import logging
import sys
import warnings
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer

from dermoscopy.machine.hardware import fastest_precision
from dermoscopy.training.resume import AtomicCheckpointIO


def make_trainer(precision: str, enable_progress_bar: bool | str, **arguments: Any) -> Trainer:
    """Return a Lightning trainer; "auto" is the fastest precision, and a progress bar where a person is looking.

    Args:
        precision, enable_progress_bar: as Lightning has them, or "auto".
        **arguments: all else that pytorch_lightning.Trainer takes.
    """
    accelerator = str(arguments.get("accelerator", "auto"))
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("trainer=gpu, but torch sees no GPU here: use trainer=auto or trainer=cpu")
    if precision == "auto":
        precision = fastest_precision(accelerator)
    if enable_progress_bar == "auto":
        enable_progress_bar = sys.stderr.isatty()
    return Trainer(
        precision=precision,  # type: ignore[arg-type]
        enable_progress_bar=bool(enable_progress_bar),
        plugins=[AtomicCheckpointIO(), *arguments.pop("plugins", ())],
        **arguments,
    )


def silence_lightning() -> None:
    """Keep Lightning from saying what it thinks of the machine: the record of the job says it.

    Called once Lightning is imported, since its import makes it talkative again.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")


def fit(trainer: Trainer, task: LightningModule, data: LightningDataModule) -> None:
    """Train; Ctrl-C stays what it is, of which Lightning makes an exit with code 1."""
    try:
        trainer.fit(task, datamodule=data)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
