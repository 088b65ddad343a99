"""Learning-rate finder: a learning-rate range test with a copy of the stage.

Lightning's own finder would keep the momentum that a schedule has set, validate in between, continue after a NaN, and
use the slope over the rate instead of its logarithm, which favours small rates.

Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3.
"""

import copy
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.utilities.seed import isolate_rng

from dermoscopy.machine.files import write_atomically
from dermoscopy.plots.curves import draw_lr_curve
from dermoscopy.plots.style import save_figure
from dermoscopy.runs.stage import LrRange
from dermoscopy.tasks.base import Task
from dermoscopy.tasks.parameter_groups import LR_SCALE
from dermoscopy.training.trainer import fit

Rates = NDArray[np.float64]
TABLE, CHART = "lr_finder.csv", "lr_finder.png"
MEMORY = 0.9  # of the moving average: about ten steps
DIVERGED = 4.0  # times the lowest smoothed loss
SKIP = 10  # first points, whose average is over too few losses
FEWEST = 30  # points that a suggestion needs
FALL = 1.5  # times the scatter of single losses: by chance, one flat curve in a hundred falls as far


def find_learning_rate(
    task: Task,
    data: LightningDataModule,
    trainer: Callable[..., Trainer],
    folder: Path,
    lr_range: LrRange,
) -> float:
    """Return the learning rate that `suggest` reads from a sweep; write its table and chart into `folder`.

    A copy of the task is trained as the stage would be (data, precision, clipping, accumulation, weight decay and
    momentum), but without a schedule. The task itself and all hidden random state remain unchanged.

    Args:
        task: with the weights that the stage starts from; the learning rate of its optimizer is not used.
        data: of the stage, for as many epochs as the steps take.
        trainer: a partial of the stage's trainer.
        folder: of the stage.
        lr_range: the learning rates to try, one per optimizer step.

    Raises:
        ValueError: an impossible range, or a sweep without a suggestion.
    """
    start, end, steps = lr_range.start, lr_range.end, lr_range.steps
    if not 0 < start < end < math.inf:
        raise ValueError(f"lr_finder.start must lie above 0 and below lr_finder.end, got {start} and {end}")
    if steps < FEWEST:
        raise ValueError(f"lr_finder.steps must be at least {FEWEST}, got {steps}")
    table = sweep(task, data, trainer, np.geomspace(start, end, steps))
    write_atomically(folder / TABLE, table.to_csv(index=False))
    try:
        suggestion = suggest(table)
    except ValueError:
        _draw(table, None, folder)  # shows why
        raise
    _draw(table, suggestion, folder)
    return suggestion


def read_suggestion(folder: Path) -> float | None:
    """Return the suggestion of an earlier sweep in a stage's folder, None if there is none.

    Raises:
        ValueError: the sweep has no suggestion.
    """
    path = folder / TABLE
    return suggest(pd.read_csv(path)) if path.is_file() else None


def sweep(task: Task, data: LightningDataModule, trainer: Callable[..., Trainer], rates: Rates) -> pd.DataFrame:
    """Train a copy of the task, each optimizer step with the next rate, until the rates end or the loss diverges.

    Returns:
        One row per step: step, lr, loss (may be infinite or NaN in the last row), smoothed.
    """
    rising, optimizer = RisingRate(rates), cast(Any, task.optimizer)  # a partial, whose lr can be replaced
    sweep_trainer = trainer(
        callbacks=[rising], max_epochs=-1, max_steps=len(rates), limit_val_batches=0, enable_checkpointing=False
    )
    attached = data.trainer
    with isolate_rng(include_cuda=sweep_trainer.strategy.root_device.type == "cuda"):
        trained = copy.deepcopy(task)
        trained.tells = False
        trained.optimizer, trained.scheduler = partial(optimizer, lr=float(rates[0])), None
        fit(sweep_trainer, trained, data)
    data.trainer = attached
    return rising.table


class RisingRate(Callback):
    """Callback that sets the next learning rate in each optimizer step, and stops when the smoothed loss has diverged.

    Args:
        rates: one learning rate per step; a parameter group has its multiple of it.
    """

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.losses: list[float] = []
        self._batches: list[float] = []  # losses of the batches whose gradients the next step accumulates

    @property
    def table(self) -> pd.DataFrame:
        """Table of the steps so far."""
        steps = len(self.losses)
        columns = {"step": range(steps), "lr": self.rates[:steps], "loss": self.losses}
        return pd.DataFrame(columns | {"smoothed": smooth(self.losses)})

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = float(self.rates[trainer.global_step]) * group.get(LR_SCALE, 1)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._batches.append(outputs["loss"].item() * trainer.accumulate_grad_batches)  # Lightning divided by it
        if trainer.global_step > len(self.losses):
            self.losses.append(float(np.mean(self._batches)))
            self._batches.clear()
            trainer.should_stop = diverged(self.losses)


def smooth(losses: list[float]) -> "pd.Series[float]":
    """Return the bias-corrected exponential moving average of the losses; NaN where a loss is not finite.

    s_k = sum_i MEMORY^(k-i) l_i / sum_i MEMORY^(k-i)
    """
    finite = pd.Series(losses, dtype=float).where(np.isfinite(losses))
    return finite.ewm(alpha=1 - MEMORY).mean().where(finite.notna())


def diverged(losses: list[float]) -> bool:
    """Return whether the last loss is not finite, or the smoothed loss more than DIVERGED times its lowest value."""
    smoothed = smooth(losses)
    lowest = smoothed.min()
    return not smoothed.iloc[-1] <= lowest + (DIVERGED - 1) * abs(lowest)


def suggest(table: pd.DataFrame) -> float:
    """Return the learning rate at which the smoothed loss has fallen halfway to its lowest point.

    Without noise this is near the steepest slope; with noise it is several times more exact than the slope. It has two
    digits, since a sweep is no more exact.

    Raises:
        ValueError: too few points, or a loss that falls no further than noise.
    """
    known = table[table["smoothed"].notna()]
    if len(known) < FEWEST:
        raise ValueError(
            f"the loss of the learning-rate sweep diverged after {len(known)} steps, a suggestion needs {FEWEST}: "
            "lower lr_finder.start, or raise lr_finder.steps"
        )
    rates, loss, smoothed = (known[name].to_numpy()[SKIP:] for name in ("lr", "loss", "smoothed"))
    lowest = int(smoothed.argmin())
    jumps = np.abs(np.diff(loss[: max(lowest, FEWEST - SKIP)]))
    scatter = 1.05 * np.median(jumps)  # the standard deviation of normal noise, robust to trend and outliers
    if not smoothed[0] - smoothed[lowest] > FALL * scatter:
        raise ValueError(
            f"the loss of the learning-rate sweep falls no further than noise up to {rates[-1]:.2g}: "
            "raise lr_finder.steps or lr_finder.end, or set optimizer.lr to a number"
        )
    halfway = int(np.flatnonzero(smoothed[:lowest] > (smoothed[0] + smoothed[lowest]) / 2)[-1])
    return float(f"{rates[halfway]:.2g}")


def _draw(table: pd.DataFrame, suggestion: float | None, folder: Path) -> None:
    save_figure(draw_lr_curve(table, suggestion), folder / CHART, dpi=80, small=False)
