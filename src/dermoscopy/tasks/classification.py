"""Classification with masks as additional input, zeroed at random in training."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dermoscopy.contracts import Batch
from dermoscopy.contracts.networks import Loss
from dermoscopy.machine.messages import checked_names
from dermoscopy.machine.randomness import derive
from dermoscopy.masks.conditions import CONDITIONS, SOURCES, check_predicted, masks_at, takes_masks
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.masks.zeroing import MixedZeroing, Zeroing
from dermoscopy.metrics.classification import known_labels, label_scores
from dermoscopy.metrics.thresholds import check_rule, choose_thresholds
from dermoscopy.tasks.base import Metric, Task
from dermoscopy.tasks.mixing import Mixing, unmixed
from dermoscopy.tasks.parameter_groups import ParameterGroups
from dermoscopy.tasks.remarks import balance_remarks, check_exclusive, label_remarks, mask_remarks
from dermoscopy.tasks.schedule import Schedule


class LabelTask(Task):
    """Classification, evaluated at every mask condition; a subclass defines the training step.

    Args:
        network: maps (image, mask or None) to logits (B, L), or an image alone.
        loss: maps (logits, label) to weighted terms by name.
        labels: names of the L labels.
        exclusive_labels: whether an image has exactly one of the labels.
        training_masks: masks that the network reads in training: given, or predicted by our own segmenters.
        mask_conditions: masks that the network reads at test, with scores for each, see `dermoscopy.masks.conditions`.
        validation_masks: masks that the network reads in validation, which chooses the best epoch and the thresholds.
        threshold: rule that chooses the logit above which a label counts as predicted, see `choose_thresholds`.
        mixing: applied to every training batch, before masks are zeroed or viewed. Training scores then count the
            labels that both images of a mixture share.
        optimizer, scheduler, seed, freeze, parameter_groups: see Task.
        metrics: custom metrics by name; each maps probabilities and labels (N, L), NaN unknown, to a number.

    Raises:
        ValueError: an unknown mask condition, source of masks or rule; a network that takes no image.
    """

    thresholds: Tensor

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        labels: Sequence[str],
        mask_conditions: Sequence[str],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        seed: int,
        scheduler: Schedule | None,
        freeze: Sequence[str],
        metrics: Mapping[str, Metric],
        parameter_groups: ParameterGroups,
        exclusive_labels: bool,
        training_masks: str,
        validation_masks: str,
        threshold: str,
        mixing: Mixing,
    ) -> None:
        super().__init__(network, loss, optimizer, seed, scheduler, freeze, metrics, parameter_groups)
        self.reads_masks = takes_masks(network)
        if not labels:
            raise ValueError("labels is empty: name what to predict, such as data.labels=[melanoma]")
        self.label_names, self.exclusive_labels = tuple(labels), exclusive_labels
        self.mask_conditions = checked_names(mask_conditions, CONDITIONS, "mask_conditions")
        (self.training_masks,) = checked_names([training_masks], SOURCES, "training_masks")
        (self.validation_masks,) = checked_names([validation_masks], ("none", *SOURCES), "validation_masks")
        check_rule(threshold)
        self.check_mixing(mixing)
        self.threshold, self.mixing = threshold, mixing
        self.register_buffer("thresholds", torch.zeros(len(labels)))  # saved with the weights that they belong to
        self.tested: dict[str, list[tuple[Tensor, ...]]] = {}
        self.predicted: PredictedMasks | None = None  # for the test images, by a network that also segments

    @classmethod
    def check_mixing(cls, mixing: Mixing) -> None:
        """Refuse a mixing that the task cannot learn from.

        Raises:
            ValueError: the mixing is refused.
        """

    def remarks(self) -> list[str]:
        check_exclusive(self.loss, self.exclusive_labels)
        return label_remarks(self.data, self.label_names, self.exclusive_labels) + self.mask_remarks()

    def mask_remarks(self) -> list[str]:
        """Return what a user should know about the masks before training."""
        return mask_remarks(self.data) if self.reads_masks else []

    def setup(self, stage: str) -> None:
        super().setup(stage)
        check_predicted(self.training_masks, "training_masks", self.data)
        check_predicted(self.validation_masks, "validation_masks", self.data)
        for condition in self.mask_conditions:
            check_predicted(condition, "mask_conditions", self.data)
        if stage == "fit":
            self.tell(*balance_remarks(self.data, self.loss))

    @property
    def picture_condition(self) -> str:
        """Mask condition that pictures show: that of validation if it was tested, else the first tested one."""
        return self.validation_masks if self.validation_masks in self.tested else next(iter(self.tested))

    def logits(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """Return the network's logits (B, L) in fp32."""
        return (self.network(image, mask) if self.reads_masks else self.network(image)).float()

    def probability(self, logits: Tensor) -> Tensor:
        """Return the probabilities of logits (N, L)."""
        return logits.softmax(1) if self.exclusive_labels else logits.sigmoid()

    def masks_to_train_with(self, batch: Batch) -> Tensor:
        """Return the masks (B, K, H, W) that the network reads in training."""
        return batch["predicted" if self.training_masks == "predicted" else "mask"]

    def masks_of(self, batch: Batch) -> Tensor | None:
        """Return the masks (B, K, H, W) that the network reads in validation; None: all unknown."""
        return masks_at(self.validation_masks, self.data)(batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        if self.mixing.active:
            batch = {**batch, "label": known_labels(batch["label"], self.exclusive_labels)}
            batch = self.mixing(batch, derive(self.seed, "mixing", self.current_epoch, batch_idx))
        return super().training_step(batch, batch_idx)

    def scores(self, outputs: list[tuple[Tensor, ...]]) -> dict[str, float]:
        logits, label = (torch.cat(parts) for parts in zip(*outputs, strict=True))
        label = unmixed(label)
        probability = self.probability(logits)
        own = {name: float(metric(probability, label)) for name, metric in self.own_metrics.items()}
        return self.label_scores(logits, label) | own

    def label_scores(self, logits: Tensor, label: Tensor) -> dict[str, float]:
        """Return the scores of logits and labels (N, L), also at the thresholds."""
        kind = self.label_names, self.exclusive_labels
        return label_scores(logits, label, *kind, self.thresholds, self.threshold)

    def metrics(self) -> list[str]:
        one = torch.zeros(1, len(self.label_names))
        return list(self.label_scores(one, one))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.logits(batch["image"], self.masks_of(batch))
        self.add(self.loss(logits, batch["label"]), logits, batch["label"])

    def on_validation_epoch_end(self) -> None:
        if not self.trainer.sanity_checking:
            self.choose(self._outputs)
        super().on_validation_epoch_end()

    def choose(self, outputs: list[tuple[Tensor, ...]]) -> None:
        """Choose the thresholds on the validation subset."""
        logits, label = (torch.cat(parts) for parts in zip(*outputs, strict=True))
        self.thresholds.copy_(choose_thresholds(logits, label, self.threshold, self.exclusive_labels))

    def on_test_epoch_start(self) -> None:
        self.tested = {name: [] for name in self.mask_conditions}
        self._masks = {name: masks_at(name, self.data) for name in self.mask_conditions}

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        logits = None
        for name, outputs in self.tested.items():
            if logits is None or self.reads_masks:
                logits = self.logits(batch["image"], self._masks[name](batch))
            outputs.append((logits, batch["label"], batch["index"]))

    def on_test_epoch_end(self) -> None:
        for name, outputs in self.tested.items():
            scores = LabelTask.scores(self, [(logits, label) for logits, label, _ in outputs])
            self.scored |= {f"test/{name}/{metric}": value for metric, value in scores.items()}


class ClassificationTask(LabelTask):
    """Classification of an image with masks that are zeroed in random cells.

    Args:
        zeroing: applied to the masks of every training batch; with p = 1 the network learns from the image alone.
        others: see LabelTask.
    """

    def __init__(self, zeroing: Zeroing | MixedZeroing, **others: Any) -> None:
        super().__init__(**others)
        self.zeroing = zeroing

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit":
            self.zeroing.check(*self.data.size)

    def training_loss(self, batch: Batch, batch_idx: int) -> Tensor:
        # p = 1 is the image-only network, which needs no masks
        image_only = self.zeroing.p == 1
        mask = None if image_only else self.zeroing(self.masks_to_train_with(batch), self.draw("zeroing", batch_idx))
        logits = self.logits(batch["image"], mask)
        return self.add(self.loss(logits, batch["label"]), logits, batch["label"])
