"""Learning-rate schedules: any scheduler of torch, built with the length of the stage, after a warm-up."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pytorch_lightning.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau

from dermoscopy.tasks.parameter_groups import LR_SCALE

RATES = ("max_lr", "base_lr")  # arguments of schedulers for learning rates, which may be one per group
LEAST_PATIENCE = 2


@dataclass(frozen=True)
class Schedule:
    """A scheduler's constructor, the interval at which Lightning steps it, and a warm-up before its full rates.

    Args:
        build: a partial of a torch scheduler; called with the optimizer.
        interval: step it after each "step" or each "epoch".
        length: name of the scheduler's argument for the number of intervals of the stage, if it has one.
        monitor: the metric that a plateau scheduler monitors; None for other schedulers.
        warmup: number of steps, or share of those of the stage, in which the scheduler's rate is multiplied by a factor
            that rises linearly: 1/(n + 1) in the first of n steps, n/(n + 1) in the last.
        patience: of a plateau scheduler, intervals without a better value, at least 1; or a share of those of the
            stage, at least 2. None for other schedulers.

    Raises:
        ValueError: a warm-up or a patience that is no number or share, a patience of 0, or one of a scheduler that
            has none.
    """

    build: Callable[..., LRScheduler | ReduceLROnPlateau]
    interval: Literal["step", "epoch"] = "epoch"
    length: str | None = None
    monitor: str | None = None
    warmup: float = 0.0
    patience: float | None = None

    def __post_init__(self) -> None:
        check_count("warmup", self.warmup)
        if self.warmup and self.is_one_cycle:
            raise ValueError(
                f"warmup must be 0 for one_cycle, whose rate rises by itself, got {self.warmup}: "
                "set build.pct_start, the share of its steps in which it rises, or choose scheduler=cosine"
            )
        if self.patience is not None:
            check_patience(self.patience)
            if self._built is not ReduceLROnPlateau:
                raise ValueError("patience is an argument of scheduler=plateau alone: leave it out")

    def __call__(self, optimizer: Optimizer, epochs: int, steps: int) -> LRSchedulerConfigType:
        """Return Lightning's scheduler entry for a stage with these total numbers of epochs and steps."""
        total = steps if self.interval == "step" else epochs
        arguments: dict[str, Any] = {self.length: total} if self.length else {}
        if self.patience is not None:
            arguments["patience"] = count_of(self.patience, total, LEAST_PATIENCE)
        scheduler = self.build(optimizer, **arguments, **self._scaled_rates(optimizer))
        entry: LRSchedulerConfigType = {"scheduler": scheduler, "interval": self.interval}
        if self.monitor:
            entry["monitor"] = self.monitor
        return entry

    def warmup_steps(self, steps: int) -> int:
        """Return the number of steps of the warm-up in a stage of so many steps."""
        return count_of(self.warmup, steps, 0)

    @property
    def is_one_cycle(self) -> bool:
        """Whether the rate rises and falls once in the stage."""
        return self._built is OneCycleLR

    @property
    def _built(self) -> object:
        return self.build.func if isinstance(self.build, partial) else self.build

    def _scaled_rates(self, optimizer: Optimizer) -> dict[str, list[float]]:
        """Return the learning rates among the scheduler's arguments, one per parameter group, if those differ."""
        scales = [group.get(LR_SCALE, 1) for group in optimizer.param_groups]
        if set(scales) == {1} or not isinstance(self.build, partial):
            return {}
        rates = {n: rate for n, rate in self.build.keywords.items() if n in RATES and isinstance(rate, int | float)}
        return {name: [rate * scale for scale in scales] for name, rate in rates.items()}


def check_count(argument: str, value: float) -> None:
    """Refuse a value that is neither a share below 1 nor a whole number.

    Raises:
        ValueError: the value is refused.
    """
    if not (0 <= value < 1 or (value >= 1 and float(value).is_integer())):
        raise ValueError(f"{argument} is a share below 1, such as 0.1, or a whole number, got {value}")


def check_patience(value: float) -> None:
    """Refuse a patience that is neither a share above 0 and below 1 nor a whole number of at least 1.

    A share stands for at least `LEAST_PATIENCE` intervals, so that 0 would mean more than 1 does.

    Raises:
        ValueError: the value is refused.
    """
    check_count("patience", value)
    if value == 0:
        raise ValueError(f"patience must be above 0, got {value}: 1 is the least number, or give a share, such as 0.1")


def count_of(value: float, total: int, least: int) -> int:
    """Return a number as it is, or a share of a total, rounded, at least `least`."""
    return int(value) if value >= 1 else max(least, round(value * total))
