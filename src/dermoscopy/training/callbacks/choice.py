"""Choice of the best epoch among those whose network finds something."""

from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping as LightningEarlyStopping
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from dermoscopy.metrics.pixel_counts import POOLED_RECALL
from dermoscopy.tasks.base import Task
from dermoscopy.tasks.schedule import LEAST_PATIENCE, check_patience, count_of


def finds_something(trainer: Trainer, metric: str | None) -> bool:
    """Return whether the epoch may be chosen by this metric: a segmenter must find a pixel of a mask in validation.

    Where validation has no mask, its recall is NaN, and any epoch may be chosen.
    """
    task = trainer.lightning_module
    if metric is None or not isinstance(task, Task) or not task.must_find_masks(metric):
        return True
    return task.scored[f"val/{POOLED_RECALL}"] != 0


class BestCheckpoint(ModelCheckpoint):
    """Lightning's checkpoint of the best epoch; any network that finds something is better than one that does not.

    Where most images lack a mask, their mean Dice is highest for a network that predicts no pixel, or a few wrong ones.
    """

    found = False  # whether the network of the checkpoint finds something

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        finds = finds_something(trainer, self.monitor)
        if finds and not self.found:
            self.found = current is not None
            return self.found
        return finds == self.found and super().check_monitor_top_k(trainer, current)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"found": self.found}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.found = state_dict["found"]


class EarlyStopping(LightningEarlyStopping):
    """Lightning's early stopping; epochs whose network finds nothing neither improve nor count as patience.

    Args:
        monitor: the metric.
        patience: epochs without a better value, at least 1; or a share of those of the stage, at least 2.
        **others: see Lightning.

    Raises:
        ValueError: the patience is neither a number nor a share, or 0.
    """

    def __init__(self, monitor: str, patience: float, **others: Any) -> None:
        check_patience(patience)
        super().__init__(monitor, patience=int(patience), **others)
        self.share = patience

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if stage != "fit":
            return
        self.patience = count_of(self.share, trainer.max_epochs or 1, LEAST_PATIENCE)
        if isinstance(pl_module, Task) and pl_module.scheduler is not None and pl_module.scheduler.is_one_cycle:
            pl_module.tell(
                "early stopping with scheduler=one_cycle: the rate falls at the end of the stage, and a training that "
                "stops early never has the low rates; scheduler=plateau or scheduler=constant suit it"
            )

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        if finds_something(trainer, self.monitor):
            super()._run_early_stopping_check(trainer)
