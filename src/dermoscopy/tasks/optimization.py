"""Optimization of a task: parameter groups, schedule with warm-up, clipping of gradients, the rates of an epoch."""

from collections.abc import Callable, Iterable
from typing import Any

from pytorch_lightning import LightningModule
from pytorch_lightning.plugins.precision import MixedPrecision, Precision
from pytorch_lightning.utilities.enums import GradClipAlgorithmType
from pytorch_lightning.utilities.types import OptimizerLRScheduler, OptimizerLRSchedulerConfig
from torch import nn
from torch.optim import Optimizer

from dermoscopy.tasks.parameter_groups import PART, ParameterGroups
from dermoscopy.tasks.schedule import Schedule

NETWORK = "network"  # attribute of a task


class Optimized(LightningModule):
    """A module whose optimizer has parameter groups and a schedule.

    Attributes:
        optimizer: a partial of a torch optimizer; called with the trainable parameters, or groups of them.
        scheduler: a Schedule, or None for a constant learning rate.
        parameter_groups: how the rates of head and body differ, and which weights decay.
    """

    network: nn.Module
    optimizer: Callable[[Iterable[Any]], Optimizer]
    scheduler: Schedule | None
    parameter_groups: ParameterGroups
    _warmup = 0  # steps
    _rates: tuple[tuple[str, Any], ...] = ()  # part and learning rate of each group in the last step

    def tell(self, *lines: str) -> None:
        """Print lines for the user, and keep them for the record of the stage."""
        raise NotImplementedError

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.parameter_groups.build(self.optimizer, self, self.network, f"{NETWORK}.")
        self.tell(*self.parameter_groups.remarks(optimizer))
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        self._warmup = self.scheduler.warmup_steps(steps)
        if self._warmup >= steps:
            self.tell(f"scheduler.warmup takes {self._warmup} steps, all {steps} of the stage: the rate is never full")
        schedule = self.scheduler(optimizer, self.trainer.max_epochs or 1, steps)
        return OptimizerLRSchedulerConfig(optimizer=optimizer, lr_scheduler=schedule)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        # The warm-up is no part of the schedule's own rates, from which schedulers compute the next one.
        groups, factor = optimizer.param_groups, min(1.0, (self.trainer.global_step + 1) / (self._warmup + 1))
        full = [group["lr"] for group in groups]
        if factor < 1:
            for group in groups:
                group["lr"] = group["lr"] * factor
        self._rates = tuple((group.get(PART, "body"), group["lr"]) for group in groups)
        try:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        finally:
            for group, rate in zip(groups, full, strict=True):
                group["lr"] = rate

    def rates(self) -> dict[str, float]:
        """Return the learning rates of the last step, in one that has been made.

        Returns:
            `lr` of the body, of its last block where `layer_decay` lets them differ; `lr_head` of the head if it has
            another one.
        """
        highest: dict[str, float] = {}
        for part, rate in self._rates:
            if rate is not None:  # some optimizers find their own
                highest[part] = max(float(rate), highest.get(part, 0.0))
        body = highest.get("body", highest.get("head"))
        if body is None:
            return {}
        head = highest.get("head", body)
        return {"lr": body} | ({"lr_head": head} if head != body else {})

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients of a step; also those of a fused optimizer in mixed precision, which Lightning refuses.

        Only with fp16 are gradients scaled, and a fused optimizer reverts that in its step. Reverted here, torch's
        scaler tells the optimizer to leave it.
        """
        if not gradient_clip_val:
            return
        precision = self.trainer.precision_plugin
        scaler = precision.scaler if isinstance(precision, MixedPrecision) else None
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)
        algorithm = GradClipAlgorithmType(gradient_clip_algorithm or GradClipAlgorithmType.NORM)
        Precision.clip_gradients(precision, optimizer, gradient_clip_val, algorithm)
