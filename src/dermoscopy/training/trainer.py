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
    """Return a Lightning trainer; "auto" is the fastest precision, and a progress bar only on a terminal.

    Args:
        precision, enable_progress_bar: as in Lightning, or "auto".
        **arguments: other arguments of `pytorch_lightning.Trainer`.
    """
    accelerator = str(arguments.get("accelerator", "auto"))
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("trainer=gpu, but torch sees no GPU: use trainer=auto or trainer=cpu")
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
    """Silence Lightning's messages about the machine, which the record of the job describes.

    To be called after Lightning's import, which resets its log level.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")


def fit(trainer: Trainer, task: LightningModule, data: LightningDataModule) -> None:
    """Train; raise Ctrl-C as `KeyboardInterrupt`, which Lightning turns into an exit with code 1."""
    try:
        trainer.fit(task, datamodule=data)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
