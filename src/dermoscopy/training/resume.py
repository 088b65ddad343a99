"""Checkpoints: written atomically, and often enough to resume an interrupted training."""

import errno
import time
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins import TorchCheckpointIO

from dermoscopy.machine.files import atomic_path
from dermoscopy.runs.checkpoints import OVER, REMEMBERED, read_checkpoint
from dermoscopy.runs.files import LAST
from dermoscopy.tasks.base import Task


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint input and output that writes a temporary file beside the checkpoint, then renames it.

    A reader always gets a complete file, even if a process is killed. Lightning writes to the system's temporary folder
    and moves the file from there, which on another file system is a copy that can be interrupted.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        try:
            # no checksums, in a third of the time: a mapped file is read without them, and a result has its sha256
            torch.serialization.set_crc32_options(False)
            with atomic_path(Path(path)) as temporary:
                _save(checkpoint, temporary)
        finally:
            torch.serialization.set_crc32_options(True)


def _save(checkpoint: dict[str, Any], path: Path) -> None:
    try:
        torch.save(checkpoint, path)
    except RuntimeError as error:  # of torch's writer, which has no other for a full disk
        raise OSError(errno.ENOSPC, str(error), str(path)) from error


class LastCheckpoint(Checkpoint):
    """Callback that writes `last.ckpt` and resumes an interrupted training from it; in the end it has the last weights.

    It is written when an epoch begins, because only then have all schedulers made their step of the previous epoch, and
    read by this callback, because Lightning's own restart from the beginning of an epoch skips that epoch.

    Args:
        dirpath: folder of the stage.
        min_seconds: between two checkpoints; an interruption costs at most this time and the current epoch.
    """

    def __init__(self, dirpath: str | Path, min_seconds: float = 0) -> None:
        if not min_seconds >= 0:
            raise ValueError(f"callbacks.last.min_seconds must be at least 0, got {min_seconds}")
        self.path, self.min_seconds = Path(dirpath) / LAST, min_seconds
        self.saved = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.path.is_file():
            _resume(trainer, pl_module, read_checkpoint(self.path))
        self.saved = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch > 0 and time.monotonic() - self.saved >= self.min_seconds:
            trainer.save_checkpoint(self.path)
            self.saved = time.monotonic()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if isinstance(pl_module, Task):
            checkpoint[REMEMBERED] = pl_module.remembered()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if isinstance(pl_module, Task) and REMEMBERED in checkpoint:
            pl_module.remember(checkpoint[REMEMBERED])

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.interrupted:
            content = {OVER: True, "epoch": trainer.current_epoch, "state_dict": pl_module.state_dict()}
            self.on_save_checkpoint(trainer, pl_module, content)
            trainer.strategy.checkpoint_io.save_checkpoint(content, self.path)


def _resume(trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]) -> None:
    """Restore the state of the training at the checkpoint, before its epoch `epoch`."""
    module.load_state_dict(checkpoint["state_dict"])
    for optimizer, state in zip(trainer.optimizers, checkpoint["optimizer_states"], strict=True):
        optimizer.load_state_dict(state)
    for config, state in zip(trainer.lr_scheduler_configs, checkpoint["lr_schedulers"], strict=True):
        config.scheduler.load_state_dict(state)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        callback.on_load_checkpoint(trainer, module, checkpoint)
        if callback.state_key in checkpoint["callbacks"]:
            callback.load_state_dict(checkpoint["callbacks"][callback.state_key])
    precision = trainer.strategy.precision_plugin  # the loss scale of half precision
    if (name := type(precision).__qualname__) in checkpoint:
        precision.load_state_dict(checkpoint[name])
    loop = trainer.fit_loop
    for progress in (loop.epoch_progress.total, loop.epoch_progress.current):
        progress.ready = progress.started = progress.processed = progress.completed = checkpoint["epoch"]  # type: ignore[attr-defined]
    loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total.completed = checkpoint["global_step"]
    loop.epoch_loop._batches_that_stepped = checkpoint["global_step"]
