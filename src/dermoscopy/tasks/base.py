"""What every task shares: optimizer and schedule, reproducible draws, sums that stay on the device, the NaN guard."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.types import OptimizerLRScheduler, OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer

from dermoscopy.contracts import Batch, DataModule
from dermoscopy.contracts.networks import LearnsClassWeights, Loss
from dermoscopy.machine.messages import nearest
from dermoscopy.machine.randomness import derive, generator, seed_hidden_state
from dermoscopy.tasks.freezing import freeze as freeze_parameters
from dermoscopy.tasks.freezing import frozen_norms
from dermoscopy.tasks.schedule import Schedule

Metric = Callable[[Tensor, Tensor], Tensor | float]  # of the user's own: maps probabilities and truth to a score
GOOD = -1  # no step with a loss that is not finite


@runtime_checkable
class Monitor(Protocol):
    """A callback that watches a metric of this name; None: none."""

    monitor: str | None


class Task(LightningModule):
    """A network, its loss and its optimizer.

    A subclass says what one step is: `training_step` hands its loss terms and outputs to `add`, and `scores`
    turns the outputs of an epoch into metrics. Nothing is read from the device before the epoch ends.

    Args:
        network: maps a batch's image (and mask) to logits.
        loss: maps logits and targets to weighted terms by name; maybe a `LearnsClassWeights`.
        optimizer: a partial of a torch optimizer; called with the trainable parameters.
        scheduler: a Schedule, or None for a constant learning rate.
        seed: seed of all that is drawn in training; a function of the run's seed and its stage.
        freeze: patterns of the names of parameters that do not train, see `freezing.freeze`.
        metrics: of the user's own, by name; the subclass says what they are given.

    Raises:
        ValueError: patterns that fit nothing, a metric of a name that is taken.
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
    ) -> None:
        super().__init__()
        freeze_parameters(network, freeze)
        self.network, self.loss = network.to(memory_format=torch.channels_last), loss
        self.optimizer, self.scheduler = optimizer, scheduler
        self.seed = seed
        self.own_metrics = dict(metrics)
        self.scored: dict[str, float] = {}
        self._outputs: list[tuple[Tensor, ...]] = []
        self._terms: dict[str, Tensor] = {}
        self._samples = 0
        self._bad_step = torch.tensor(GOOD)
        self.train()  # Lightning trains a module in the mode that it finds

    def train(self, mode: bool = True) -> "Task":
        super().train(mode)
        for norm in frozen_norms(self.network):
            norm.eval()
        return self

    def scores(self, outputs: list[tuple[Tensor, ...]]) -> dict[str, float]:
        """Return the metrics of an epoch from what its steps handed to `add`."""
        raise NotImplementedError

    def metrics(self) -> list[str]:
        """Return the names of the metrics that `scores` will give, besides those of the user's own."""
        raise NotImplementedError

    def setup(self, stage: str) -> None:
        if stage != "fit":
            return
        if isinstance(self.loss, LearnsClassWeights):
            self.loss.fit_class_weights(self.data.labels_of("train"))
        taken = {"loss", *self.metrics()}
        if doubled := taken & self.own_metrics.keys():
            raise ValueError(f"metrics.{doubled.pop()} has the name of a metric that is there: choose another")
        known = {f"val/{name}" for name in (*taken, *self.own_metrics)}
        # the terms of a loss are known once it has been computed: they are checked after the first validation
        self._check_monitored(known | {name for name in self._monitored().values() if name.startswith("val/loss/")})

    def _monitored(self) -> dict[str, str]:
        """Return what callbacks monitor, by their kind."""
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
        return {type(c).__name__: c.monitor for c in callbacks if isinstance(c, Monitor) and c.monitor}

    def _check_monitored(self, known: Collection[str]) -> None:
        for kind, name in self._monitored().items():
            if name not in known:
                raise ValueError(f"{kind} monitors {name}, which is no metric{nearest(name, known)}")

    @property
    def data(self) -> DataModule:
        """The data module of the trainer: known by what it offers, as tasks import no data."""
        data: DataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        return data

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer([p for p in self.parameters() if p.requires_grad])
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = self.scheduler(optimizer, self.trainer.max_epochs or 1, steps)
        return OptimizerLRSchedulerConfig(optimizer=optimizer, lr_scheduler=schedule)

    def draw(self, purpose: str, step: int) -> torch.Generator:
        """Return the generator of one purpose in one training step, on this module's device."""
        return generator(self.seed, purpose, self.current_epoch, step, device=self.device)

    def add(self, terms: Mapping[str, Tensor], *outputs: Tensor) -> Tensor:
        """Add up the loss terms of a step, keep its outputs, all on the device; return the total loss."""
        if not isinstance(terms, Mapping):
            raise ValueError(f"a loss gives its terms by name, such as {{'mine': value}}, not a {type(terms).__name__}")
        total = torch.stack(list(terms.values())).sum()
        size = len(outputs[0])
        for name, value in {**terms, "total": total}.items():
            self._terms[name] = self._terms.get(name, 0) + value.detach() * size
        self._samples += size
        self._outputs.append(tuple(output.detach() for output in outputs))
        return total

    def on_train_epoch_start(self) -> None:
        self._forget()
        self._bad_step = torch.tensor(GOOD, device=self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        seed_hidden_state(derive(self.seed, "dropout", self.current_epoch, batch_idx), self.device)

    def watch(self, loss: Tensor, step: int) -> None:
        """Remember the first step whose loss is not finite; asked for only when the epoch ends."""
        first = (self._bad_step == GOOD) & ~loss.detach().isfinite()
        self._bad_step = torch.where(first, step, self._bad_step)

    def on_validation_epoch_start(self) -> None:
        if self.trainer.sanity_checking or self.trainer.state.fn != TrainerFn.FITTING:
            return
        if (step := int(self._bad_step)) != GOOD:
            raise ValueError(
                f"the training loss stopped being finite at step {step} of epoch {self.current_epoch}; the last good "
                "checkpoint is kept. Try a lower optimizer.lr, or trainer.gradient_clip_val=1 optimizer.fused=false"
            )
        self._log("train")
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
        self.scored |= {f"{mode}/{name}": value for name, value in (loss | self.scores(self._outputs)).items()}
        if mode == "val":
            self._check_monitored([name for name in self.scored if name.startswith("val/")])
            self.log_dict({k: v for k, v in self.scored.items() if k.startswith("val/")}, logger=False)

    def _forget(self) -> None:
        self._outputs, self._terms, self._samples = [], {}, 0


def checked_names(given: Sequence[str], known: Collection[str], argument: str) -> tuple[str, ...]:
    """Return the names that an argument lists.

    Raises:
        ValueError: no list, an empty one, or a name that is not known.
    """
    if not given or isinstance(given, str):
        raise ValueError(f"{argument} must be a list out of {list(known)}, got {given!r}")
    for name in given:
        if name not in known:
            raise ValueError(f"{argument} names {name!r}, it may name {list(known)}{nearest(str(name), known)}")
    return tuple(given)
