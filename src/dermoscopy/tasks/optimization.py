"""Optimization of a task: parameter groups, schedule with warm-up, clipping of gradients, the rates of an epoch."""

from collections.abc import Callable, Iterable
from typing import Any

from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler, OptimizerLRSchedulerConfig
from torch import nn
from torch.optim import Optimizer

from dermoscopy.tasks.parameter_groups import ParameterGroups
from dermoscopy.tasks.schedule import Schedule

NETWORK = "network"  # attribute of a task


class Optimized(LightningModule):
    """A module whose optimizer has parameter groups and a schedule.

    Attributes:
        optimizer: a partial of a torch optimizer; called with the trainable parameters, or groups of them.
        scheduler: a Schedule, or None for a constant learning rate.
        parameter_groups: how the rates of head and body, and the weight decay of one-dimensional weights, differ.
        rates: learning rates of the last step: `lr` of the body (of its last block, where they differ), `lr_head` of
            the head where it has another one.
    """

    network: nn.Module
    optimizer: Callable[[Iterable[Any]], Optimizer]
    scheduler: Schedule | None
    parameter_groups: ParameterGroups
    rates: dict[str, float]

    def tell(self, *lines: str) -> None:
        """Print lines for the user, and keep them for the record of the stage."""
        raise NotImplementedError

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.parameter_groups.build(self.optimizer, self, self.network, f"{NETWORK}.")
        self.tell(*self.parameter_groups.remarks(optimizer))
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = self.scheduler(optimizer, self.trainer.max_epochs or 1, steps)
        return OptimizerLRSchedulerConfig(optimizer=optimizer, lr_scheduler=schedule)
