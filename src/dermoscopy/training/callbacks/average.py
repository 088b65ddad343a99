"""Exponential moving average of a network's weights, validated, saved and tested in place of the trained weights."""

from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from dermoscopy.tasks.base import Task


class WeightAverage(Callback):
    """An exponential moving average of the weights of a task's network, updated after each step of the optimizer.

    From the beginning of each validation to the next training step the network has the average: it is validated,
    chosen, saved in `best.ckpt`, drawn, and handed to the test and the next stage. A `last.ckpt` to resume from has the
    trained weights, and the average in the state of this callback; at the end of the training it has the average.

    In update n = 1, 2, ... average += (1 - d) (weights - average) with d = min(decay, n / (9 + n)): a short training
    forgets its first weights. Running statistics of normalisation layers are averaged like weights, as those of the
    last step belong to other weights; counters are copied. A loss that learns its weights keeps its own.

    Lightning's callback saves the trained weights where `save_weights_only` is set, although it validates the average.

    Args:
        decay: of the average per step; None: no average.

    Source: M. Tan and Q. Le, EfficientNet, ICML 2019, section 5.2; the lower decay of the first steps is that of
        TensorFlow's ExponentialMovingAverage.

    Raises:
        ValueError: the decay is outside (0, 1).
    """

    def __init__(self, decay: float | None) -> None:
        if decay is not None and not 0 < decay < 1:
            raise ValueError(f"decay is null or a number in (0, 1), such as 0.999, got {decay}")
        self.decay = decay
        self.updates = self._step = 0
        self._trained: dict[str, Tensor] = {}  # of the network, which has them but from a validation to the next step
        self._average: dict[str, Tensor] = {}
        self._shown = False  # whether the network has the average

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.decay is None:
            return
        assert isinstance(pl_module, Task)
        self._trained = _changing(pl_module.network)
        self._average = {name: value.detach().clone() for name, value in self._trained.items()}
        self.updates, self._shown = 0, False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._average and trainer.global_step > self._step:  # not after a batch whose gradients are accumulated
            self._step = trainer.global_step
            self._update()

    @torch.no_grad()
    def _update(self) -> None:
        self.updates += 1
        assert self.decay is not None
        weight = 1 - min(self.decay, self.updates / (9 + self.updates))
        names = [name for name, value in self._average.items() if value.is_floating_point()]
        torch._foreach_lerp_([self._average[n] for n in names], [self._trained[n] for n in names], weight)
        for name in self._average.keys() - set(names):
            self._average[name].copy_(self._trained[name])

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(True)  # where no validation has just ended

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(False)
        self._step = trainer.global_step  # also of a resumed training

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._show(False)  # after a validation within the epoch

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(True)
        self._trained, self._average, self._shown = {}, {}, False

    def _show(self, average: bool) -> None:
        """Give the network its average, or its trained weights again."""
        if self._shown != average and self._average:
            for name, value in self._trained.items():
                value.data, self._average[name] = self._average[name], value.data
            self._shown = average

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "average": self._average} if self._average and not self._shown else {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        if not state_dict or not self._average:
            return
        self.updates = state_dict["updates"]
        for name, value in state_dict["average"].items():
            self._average[name].copy_(value)


def _changing(network: nn.Module) -> dict[str, Tensor]:
    """Return the parameters of a network that train, and its buffers."""
    trained: dict[str, Tensor] = {name: p for name, p in network.named_parameters() if p.requires_grad}
    return trained | dict(network.named_buffers())
