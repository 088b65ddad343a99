"""The Lightning trainer of a stage."""

import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.plugins.precision import MixedPrecision
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from dermoscopy.machine.hardware import device_type, use_full_fp32
from dermoscopy.runs.precision import MIXED, PRECISIONS
from dermoscopy.training.resume import AtomicCheckpointIO


class MixedTraining(MixedPrecision):
    """Lightning's mixed precision in training steps alone: validation, test and prediction are computed in fp32."""

    @contextmanager
    def _fp32(self) -> Iterator[None]:
        yield

    val_step_context = test_step_context = predict_step_context = _fp32


def make_trainer(
    precision: str,
    enable_progress_bar: bool | str,
    callbacks: Sequence[Callback | None] = (),
    **arguments: Any,
) -> Trainer:
    """Return a Lightning trainer that validates and tests in fp32, with a progress bar only on a terminal.

    Args:
        precision: of training steps, one of `PRECISIONS`; what "auto" means is decided before.
        enable_progress_bar: as in Lightning, or "auto".
        callbacks: as in Lightning; None stands for one that a configuration leaves out.
        **arguments: other arguments of `pytorch_lightning.Trainer`.

    Raises:
        ValueError: another precision, an argument that Lightning refuses, or a GPU is needed and there is none.
    """
    accelerator = str(arguments.get("accelerator", "auto"))
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("trainer=gpu, but torch sees no GPU: use trainer=auto or trainer=cpu")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, got {precision}")
    device = device_type(accelerator)
    if precision == "16-mixed" and device == "cpu":
        raise ValueError("precision=16-mixed needs a GPU: use bf16-mixed or 32-true")
    if enable_progress_bar == "auto":
        enable_progress_bar = sys.stderr.isatty()
    use_full_fp32()
    mixed = [MixedTraining(precision, device)] if precision in MIXED else []  # type: ignore[arg-type]
    try:
        return Trainer(
            precision=None if mixed else "32-true",
            enable_progress_bar=bool(enable_progress_bar),
            callbacks=[callback for callback in callbacks if callback is not None],
            plugins=[*mixed, AtomicCheckpointIO(), *arguments.pop("plugins", ())],
            **arguments,
        )
    except MisconfigurationException as error:
        raise ValueError(f"Lightning refuses the settings of trainer: {' '.join(str(error).split())}") from error


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
