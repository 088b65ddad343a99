"""How long an epoch takes, estimated from its first batches."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from dermoscopy.runs.pace import write_pace

BATCHES = 4  # measured at least; the one before them is slower, as memory is allocated
SECONDS = 2.0  # measured at least


class Pace(Callback):
    """Estimate of the seconds of an epoch, written to the folder of a stage after the first batches of its training.

    No part of the configuration, as it changes nothing.

    Args:
        folder: of the stage.
        tell: called when the estimate is written, and after the first epoch, whose row in the history is better.
        clock: returns seconds.
    """

    def __init__(
        self, folder: Path, tell: Callable[[], object], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.folder, self.tell, self.clock = folder, tell, clock
        self.batches, self.began, self.over = 0, 0.0, False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.batches = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.over:
            return
        self.batches += 1
        now = self.clock()
        if self.batches == 1:
            self.began = now
        elif self.batches > BATCHES and now - self.began >= SECONDS:
            self.over = True
            write_pace(self.folder, (now - self.began) / (self.batches - 1) * trainer.num_training_batches)
            self.tell()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.batches and trainer.current_epoch + 1 < (trainer.max_epochs or 0):
            self.tell()
        self.over, self.batches = True, 0
