"""Learning-rate schedules: any scheduler of torch, built with the length of the stage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pytorch_lightning.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau


@dataclass(frozen=True)
class Schedule:
    """A scheduler's constructor, and the interval at which Lightning steps it.

    Args:
        build: a partial of a torch scheduler; called with the optimizer.
        interval: step it after each "step" or each "epoch".
        length: name of the scheduler's argument for the number of intervals of the stage, if it has one.
        monitor: the metric that a plateau scheduler monitors; None for other schedulers.
    """

    build: Callable[..., LRScheduler | ReduceLROnPlateau]
    interval: Literal["step", "epoch"] = "epoch"
    length: str | None = None
    monitor: str | None = None

    def __call__(self, optimizer: Optimizer, epochs: int, steps: int) -> LRSchedulerConfigType:
        """Return Lightning's scheduler entry for a stage with these total numbers of epochs and steps."""
        extent = {self.length: steps if self.interval == "step" else epochs} if self.length else {}
        entry: LRSchedulerConfigType = {"scheduler": self.build(optimizer, **extent), "interval": self.interval}
        if self.monitor:
            entry["monitor"] = self.monitor
        return entry
