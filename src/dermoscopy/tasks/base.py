"""Base of all tasks: optimizer and schedule, reproducible draws, sums that stay on the device, guards of the loss."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer

from dermoscopy.contracts import Batch, DataModule
from dermoscopy.contracts.networks import LearnsClassWeights, LearnsMaskWeights, Loss
from dermoscopy.machine.messages import nearest
from dermoscopy.machine.randomness import derive, generator, seed_hidden_state
from dermoscopy.tasks.freezing import freeze as freeze_parameters
from dermoscopy.tasks.freezing import frozen_norms
from dermoscopy.tasks.optimization import Optimized
from dermoscopy.tasks.parameter_groups import ParameterGroups
from dermoscopy.tasks.schedule import Schedule
from dermoscopy.tasks.single_images import explained, try_single_image

Metric = Callable[[Tensor, Tensor], Tensor | float]  # a custom metric: maps probabilities and truth to a score
GOOD = -1  # every loss so far is finite
EXPLODED = 1e6  # times the first loss of the training, in a single step


@runtime_checkable
class Monitor(Protocol):
    """A callback that monitors the metric of this name; None: no metric."""

    monitor: str | None


class Task(Optimized):
    """A network, its loss and its optimizer.

    A subclass defines the steps: `training_loss` passes its loss terms and outputs to `add`, and `scores`
    turns the outputs of an epoch into metrics. Nothing is read from the device before the epoch ends.

    What a user should know about the data or the loss, such as unknown labels, is one line each on the console;
    `tells=False` silences a copy.

    Args:
        network: maps a batch's image (and mask) to logits.
        loss: maps logits and targets to weighted terms by name; may be a `LearnsClassWeights`.
        optimizer: a partial of a torch optimizer; called with the trainable parameters.
        scheduler: a Schedule, or None for a constant learning rate.
        seed: seed of all random draws in training; a function of the run's seed and its stage.
        freeze: patterns of the names of parameters that do not train, see `freezing.freeze`.
        metrics: custom metrics by name; the subclass documents their arguments.
        parameter_groups: how the rates of head and body differ, and which weights decay.

    Raises:
        ValueError: patterns without a match, a custom metric with the name of a built-in one.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        seed: int,
        scheduler: Schedule | None,
        freeze: Sequence[str],
        metrics: Mapping[str, Metric],
        parameter_groups: ParameterGroups,
    ) -> None:
        super().__init__()
        freeze_parameters(network, freeze)
        self.network, self.loss = network.to(memory_format=torch.channels_last), loss
        self.optimizer, self.scheduler, self.parameter_groups = optimizer, scheduler, parameter_groups
        self.seed, self.own_metrics = seed, dict(metrics)
        self.scored: dict[str, float] = {}
        self._outputs: list[tuple[Tensor, ...]] = []
        self._terms: dict[str, Tensor] = {}
        self._samples, self.tells = 0, True
        self.lines: list[str] = []
        self._bad_step = torch.tensor(GOOD)
        self._first_loss = self._highest_loss = torch.tensor(0.0)
        self.train()  # Lightning keeps the mode that a module is in

    def train(self, mode: bool = True) -> "Task":
        super().train(mode)
        for norm in frozen_norms(self.network):
            norm.eval()
        return self

    def scores(self, outputs: list[tuple[Tensor, ...]]) -> dict[str, float]:
        """Return the metrics of an epoch from the outputs that its steps passed to `add`."""
        raise NotImplementedError

    def metrics(self) -> list[str]:
        """Return the names of the metrics that `scores` returns, without the custom ones."""
        raise NotImplementedError

    def must_find_masks(self, metric: str) -> bool:
        """Return whether an epoch that is chosen by this metric, such as val/dice, has to find a mask somewhere."""
        return False

    def remarks(self) -> list[str]:
        """Return what a user should know about the data before training, one line each."""
        return []

    def tell(self, *lines: str) -> None:
        """Print lines for the user, and keep them for the record of the stage in `lines`."""
        for line in lines if self.tells else ():
            print(f"  {line}", flush=True)
            self.lines.append(line)

    def remembered(self) -> dict[str, Any]:
        """Return what a resumed training has to know of the interrupted one, so that it tells the same lines."""
        return {"lines": [*self.lines], "first": self._first_loss.item(), "val/loss": self.scored.get("val/loss", 0.0)}

    def remember(self, remembered: Mapping[str, Any]) -> None:
        """Restore what `remembered` returned; lines that have been said again since then are kept once."""
        self.lines = [*dict.fromkeys([*remembered["lines"], *self.lines])]
        self._first_loss = torch.tensor(remembered["first"])
        self.scored["val/loss"] = remembered["val/loss"]

    def training_loss(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one training step, the total that `add` returns."""
        raise NotImplementedError

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        with explained(batch["image"]):
            loss = self.training_loss(batch, batch_idx)
        self.watch(loss, batch_idx)
        return loss

    def setup(self, stage: str) -> None:
        if stage != "fit":
            return
        self.tell(*self.remarks())
        self.tell(*self.fit_losses(self.data.labels_of("train"), self.data.mask_pixels))
        built_in = {"loss", *self.metrics()}
        if duplicates := built_in & self.own_metrics.keys():
            raise ValueError(f"metrics.{duplicates.pop()} has the name of a built-in metric: choose another")
        known = {f"val/{name}" for name in (*built_in, *self.own_metrics)}
        # the terms of a loss are known once it has been computed: they are checked after the first validation
        self._check_monitored(
            known | {name for name in self._metric_by_callback().values() if name.startswith("val/loss/")}
        )

    def fit_losses(self, label: Tensor, mask_pixels: Callable[[], tuple[Tensor, Tensor]]) -> list[str]:
        """Let losses compute their weights from the training data; return lines that state those of masks.

        Args:
            label: training labels (N, L), NaN unknown.
            mask_pixels: counts the training pixels of each mask, see `LearnsMaskWeights`.
        """
        if isinstance(self.loss, LearnsClassWeights):
            self.loss.fit_class_weights(label)
        if isinstance(self.loss, LearnsMaskWeights):
            return [f"loss.{line}" for line in self.loss.fit_mask_weights(mask_pixels)]
        return []

    def _metric_by_callback(self) -> dict[str, str]:
        """Return the metrics that callbacks monitor, by the callbacks' class names."""
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
        return {type(c).__name__: c.monitor for c in callbacks if isinstance(c, Monitor) and c.monitor}

    def _check_monitored(self, known: Collection[str]) -> None:
        for kind, name in self._metric_by_callback().items():
            if name not in known:
                raise ValueError(f"{kind} monitors {name}, which is no metric{nearest(name, known)}")

    @property
    def data(self) -> DataModule:
        """Data module of the trainer; typed by its protocol, since tasks import no data."""
        data: DataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        return data

    def draw(self, purpose: str, step: int) -> torch.Generator:
        """Return the generator of one purpose in one training step, on this module's device."""
        return generator(self.seed, purpose, self.current_epoch, step, device=self.device)

    def add(self, terms: Mapping[str, Tensor], *outputs: Tensor) -> Tensor:
        """Add up the loss terms of a step and keep its outputs, all on the device; return the total loss."""
        if not isinstance(terms, Mapping):
            raise ValueError(
                f"a loss returns its terms by name, such as {{'mine': value}}, not a {type(terms).__name__}"
            )
        total = torch.stack(list(terms.values())).sum()
        size = len(outputs[0])
        for name, value in {**terms, "total": total}.items():
            self._terms[name] = self._terms.get(name, 0) + value.detach() * size
        self._samples += size
        self._outputs.append(tuple(output.detach() for output in outputs))
        return total

    def on_train_start(self) -> None:
        self._first_loss = self._first_loss.to(self.device)  # a resumed training knows it already
        try_single_image(self)

    def on_train_epoch_start(self) -> None:
        self._forget()
        self._bad_step = torch.tensor(GOOD, device=self.device)
        self._highest_loss = torch.tensor(0.0, device=self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        seed_hidden_state(derive(self.seed, "dropout", self.current_epoch, batch_idx), self.device)

    def watch(self, loss: Tensor, step: int) -> None:
        """Remember the first step whose loss is not finite, and the highest loss, read only when the epoch ends."""
        size = loss.detach().abs()
        first = (self._bad_step == GOOD) & ~size.isfinite()
        self._bad_step = torch.where(first, step, self._bad_step)
        self._first_loss = torch.where(self._first_loss > 0, self._first_loss, size)
        self._highest_loss = torch.maximum(self._highest_loss, size)

    def on_validation_epoch_start(self) -> None:
        if self.trainer.sanity_checking or self.trainer.state.fn != TrainerFn.FITTING:
            return
        if (step := int(self._bad_step)) != GOOD:
            raise ValueError(
                f"the training loss stopped being finite at step {step} of epoch {self.current_epoch}; the last good "
                "checkpoint is kept. Try a lower optimizer.lr, or trainer.gradient_clip_val=1"
            )
        growth = float(self._highest_loss / self._first_loss)  # NaN where every loss is 0
        if growth > EXPLODED:
            self.tell(
                f"the training loss rose to {growth:.0e} times its first value in epoch {self.current_epoch}: do not "
                "trust this training, try a lower optimizer.lr"
            )
        self._log("train")
        self.scored |= {f"train/{name}": rate for name, rate in self.rates().items()}
        self._forget()

    def on_validation_epoch_end(self) -> None:
        if not self.trainer.sanity_checking:
            self._log("val")
        self._forget()

    def _log(self, mode: str) -> None:
        terms = {name: (value / self._samples).item() for name, value in self._terms.items()}
        loss = {"loss": terms.pop("total")} | (
            {f"loss/{name}": v for name, v in terms.items()} if len(terms) > 1 else {}
        )
        was_finite = math.isfinite(self.scored.get("val/loss", 0))
        self.scored |= {f"{mode}/{name}": value for name, value in (loss | self.scores(self._outputs)).items()}
        if mode == "val":
            if was_finite and not math.isfinite(loss["loss"]):
                self.tell(f"the validation loss is {loss['loss']} in epoch {self.current_epoch}")
            self._check_monitored([name for name in self.scored if name.startswith("val/")])
            self.log_dict({k: v for k, v in self.scored.items() if k.startswith("val/")}, logger=False)

    def _forget(self) -> None:
        """Forget the terms and outputs of the steps so far."""
        self._outputs, self._terms, self._samples = [], {}, 0
