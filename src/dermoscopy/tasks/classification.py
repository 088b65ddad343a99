"""Multilabel classification with masks as extra input, zeroed in training, judged by what masks are given."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dermoscopy.masks import Zeroing
from dermoscopy.metrics.labels import multilabel_scores
from dermoscopy.tasks.base import Batch, Metric, Task, checked_names
from dermoscopy.tasks.schedule import Schedule

AVAILABILITIES = ("none", "given")


class ClassificationTask(Task):
    """Labels from an image and masks that are zeroed at random in training and unknown in validation.

    Args:
        network: maps (image, mask or None) to logits (B, L).
        loss: maps (logits, label) to weighted terms by name.
        zeroing: applied to the masks of every training batch.
        labels: names of the L labels.
        availability: what masks the network is given at test, one row of scores each: none, given.
        optimizer, scheduler, seed, freeze: see Task.
        metrics: of the user's own, by name, each maps probabilities and labels (N, L), NaN unknown, to a number.

    Raises:
        ValueError: an unknown availability, a network that takes no masks.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        zeroing: Zeroing,
        labels: Sequence[str],
        availability: Sequence[str],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        seed: int,
        scheduler: Schedule | None = None,
        freeze: Sequence[str] = (),
        metrics: Mapping[str, Metric] | None = None,
    ) -> None:
        super().__init__(network, loss, optimizer, seed, scheduler, freeze, metrics)
        try:
            inspect.signature(network.forward).bind("image", "mask")
        except TypeError as error:
            name = type(network).__name__
            raise ValueError(
                f"the network of a classification takes image and mask, {name} does not: {error}"
            ) from None
        self.zeroing, self.label_names = zeroing, tuple(labels)
        self.availability = checked_names(availability, AVAILABILITIES, "model.availability")
        self.tested: dict[str, list[tuple[Tensor, ...]]] = {}

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and 0 < self.zeroing.p < 1:
            self.zeroing.check(*self.data.size)

    def scores(self, outputs: list[tuple[Tensor, ...]]) -> dict[str, float]:
        logits, label = (torch.cat(parts) for parts in zip(*outputs, strict=True))
        own = {name: float(metric(logits.sigmoid(), label)) for name, metric in self.own_metrics.items()}
        return multilabel_scores(logits, label, self.label_names) | own

    def metrics(self) -> list[str]:
        one = torch.zeros(1, len(self.label_names))
        return list(multilabel_scores(one, one, self.label_names))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        # p = 1 is the image-only network: no masks to read, nothing to compute for them
        mask = None if self.zeroing.p == 1 else self.zeroing(batch["mask"], self.draw("zeroing", batch_idx))
        logits = self.network(batch["image"], mask).float()
        loss = self.add(self.loss(logits, batch["label"]), logits, batch["label"])
        self.watch(loss, batch_idx)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.network(batch["image"], None).float()
        self.add(self.loss(logits, batch["label"]), logits, batch["label"])

    def on_test_epoch_start(self) -> None:
        self.tested = {name: [] for name in self.availability}

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        for name, outputs in self.tested.items():
            mask = batch["mask"] if name == "given" else None
            outputs.append((self.network(batch["image"], mask).float(), batch["label"], batch["index"]))

    def on_test_epoch_end(self) -> None:
        for name, outputs in self.tested.items():
            scores = self.scores([(logits, label) for logits, label, _ in outputs])
            self.scored |= {f"test/{name}/{metric}": value for metric, value in scores.items()}
