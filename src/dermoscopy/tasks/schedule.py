"""Learning-rate schedules: any scheduler of torch, built with the length of the stage."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pytorch_lightning.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from dermoscopy.tasks.parameter_groups import LR_SCALE

RATES = ("max_lr", "base_lr")  # arguments of schedulers for learning rates, which may be one per group


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
        scheduler = self.build(optimizer, **extent, **_scaled_rates(self.build, optimizer))
        entry: LRSchedulerConfigType = {"scheduler": scheduler, "interval": self.interval}
        if self.monitor:
            entry["monitor"] = self.monitor
        return entry


def _scaled_rates(build: Callable[..., Any], optimizer: Optimizer) -> dict[str, list[float]]:
    """Return the learning rates among a scheduler's arguments, one per parameter group, if the groups' rates differ."""
    scales = [group.get(LR_SCALE, 1) for group in optimizer.param_groups]
    if set(scales) == {1} or not isinstance(build, partial):
        return {}
    rates = {name: value for name, value in build.keywords.items() if name in RATES and not isinstance(value, list)}
    return {name: [rate * scale for scale in scales] for name, rate in rates.items()}
