"""History of a stage: one row per epoch and mode, on disk, in the tracking and on the console."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pytorch_lightning import Callback, LightningModule, Trainer

from dermoscopy.contracts import Logger
from dermoscopy.machine.files import write_atomically
from dermoscopy.runs.files import HISTORY
from dermoscopy.runs.history import Row, log_history, read_history
from dermoscopy.tasks.base import Task


class History(Callback):
    """Writer of one row per epoch and mode to `history.csv`, the loggers and the console.

    Args:
        folder: of the stage.
        stage: name of the stage.
        offset: number of epochs in earlier stages, so that the stages of a run form one curve in the tracking.
        columns: metrics shown on the console.
        loggers: of the job; set after construction.
    """

    def __init__(self, folder: str | Path, stage: str, offset: int, columns: Sequence[str]) -> None:
        self.folder, self.stage, self.offset, self.columns = Path(folder), stage, offset, list(columns)
        self.loggers: Sequence[Logger] = ()
        self.rows: list[Row] = []
        self.started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.started:  # not in an earlier hook, where a resumed trainer does not know its epoch yet
            self.rows = [row for row in read_history(self.folder) if row["epoch"] < trainer.current_epoch]
            log_history(self.loggers, self.rows, self.offset)
            self._show("stage", "epoch", self.columns, "seconds")
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Task)
        scored = pl_module.scored
        epoch, seconds = trainer.current_epoch, time.perf_counter() - self.started
        for mode in ("train", "val"):
            metrics = {k.removeprefix(f"{mode}/"): v for k, v in scored.items() if k.startswith(f"{mode}/")}
            self.rows.append({"stage": self.stage, "epoch": epoch, "mode": mode, "seconds": seconds} | metrics)
        write_atomically(self.folder / HISTORY, pd.DataFrame(self.rows).to_csv(index=False))
        log_history(self.loggers, self.rows[-2:], self.offset)
        values = [f"{scored.get(name, float('nan')):.4f}" for name in self.columns]
        self._show(self.stage, f"{epoch + 1}/{trainer.max_epochs}", values, f"{seconds:.1f}")

    def _show(self, stage: str, epoch: str, values: Sequence[str], seconds: str) -> None:
        cells = [f"{value:>{len(name)}}" for value, name in zip(values, self.columns, strict=True)]
        print(f"  {stage:<8} {epoch:>7}  {'  '.join(cells)}  {seconds:>7}", file=sys.stderr, flush=True)
