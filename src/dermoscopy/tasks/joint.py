"""Joint training of labels and masks by one network, a Y-net or a cascade: both together, or one of them alone.

The three tasks take the same arguments, so that each stage of a run can choose one by its `_target_` alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from dermoscopy.contracts import Batch
from dermoscopy.contracts.networks import JointNetwork, LearnsMaskWeights, Loss
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.masks.probability_maps import at_size, in_bytes, probabilities
from dermoscopy.metrics.pixel_counts import POOLED_RECALL, count, pooled_recall
from dermoscopy.metrics.segmentation import mask_scores
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.tasks.mixing import Mixing
from dermoscopy.tasks.remarks import mask_remarks

BOTH = ("labels", "masks")
Outputs = list[tuple[Tensor, ...]]  # of the steps of an epoch, as `Task.add` keeps them


class LabelsOnlyTask(ClassificationTask):
    """Training of the labels of a network that also segments, as in a classification with `training_masks` as input.

    Args:
        mask_loss: maps mask logits and signed masks to weighted terms by name.
        masks: names of the K masks.
        weights: factors of the two losses, {labels: 1, masks: 1}.
        exclusive: whether a pixel has at most one of the masks; true is not supported.
        others: see ClassificationTask; the network is a `JointNetwork`.

    Raises:
        ValueError: exclusive masks; weights that are not of labels and masks, or not positive; a network that does not
            segment.
    """

    network: JointNetwork  # type: ignore[assignment]  # and a module

    def __init__(
        self, mask_loss: Loss, masks: Sequence[str], weights: Mapping[str, float], exclusive: bool, **others: Any
    ) -> None:
        super().__init__(**others)
        if exclusive:
            raise ValueError(
                "labels and masks are trained together only with masks that may overlap: set exclusive=false"
            )
        if set(weights) != set(BOTH) or not all(0 < weight < math.inf for weight in weights.values()):
            raise ValueError(
                f"weights must be {{labels: a, masks: b}}, both above 0, got {dict(weights)}; to train one of the two "
                f"alone, set model._target_={__name__}.LabelsOnlyTask or {__name__}.MasksOnlyTask"
            )
        if not isinstance(self.network, JointNetwork) or not self.network.segments:
            kind = type(self.network).__name__
            raise ValueError(
                f"labels and masks are trained in a network with a segmenter, {kind} has none: network=ynet"
            )
        self.mask_loss, self.mask_names, self.weights = mask_loss, tuple(masks), dict(weights)


class _SegmentingTask(LabelsOnlyTask):
    """Addition of masks to a classification; the last output of a step are the pixel counts of its masks."""

    _counts: list[Tensor]  # of the test
    _segmented: list[tuple[Tensor, Tensor]]  # rows of the test images in the store, and their probabilities in bytes

    @classmethod
    def check_mixing(cls, mixing: Mixing) -> None:
        if mixing.mixup:
            raise ValueError(
                "mixing.mixup blends masks, but the masks that a network learns are present or absent: "
                "set mixing.mixup=0; mixing.cutmix pastes them"
            )

    def fit_losses(self, label: Tensor, mask_pixels: Callable[[], tuple[Tensor, Tensor]]) -> list[str]:
        lines = super().fit_losses(label, mask_pixels)
        if isinstance(self.mask_loss, LearnsMaskWeights):
            lines += [f"mask_loss.{line}" for line in self.mask_loss.fit_mask_weights(mask_pixels)]
        return lines

    def mask_remarks(self) -> list[str]:
        return mask_remarks(self.data, targets=True)

    def mask_terms(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted terms of the loss on masks."""
        return {name: self.weights["masks"] * term for name, term in self.mask_loss(logits, batch["mask"]).items()}

    def mask_counts(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the pixel counts (B, K, 4) for `mask_scores`."""
        return count(logits, batch["mask"], exclusive=False)

    def mask_scores(self, counts: Sequence[Tensor]) -> dict[str, float]:
        """Return the mask scores of an epoch."""
        return mask_scores(torch.cat(list(counts)).cpu().numpy(), self.mask_names)

    def validated(self, counts: Sequence[Tensor]) -> dict[str, float]:
        """Return the mask scores of an epoch of validation."""
        return self.mask_scores(counts) | {POOLED_RECALL: pooled_recall(torch.cat(list(counts)).cpu().numpy())}

    def mask_metrics(self) -> list[str]:
        """Return the names of the metrics that `validated` returns."""
        nothing = torch.zeros(1, len(self.mask_names), 1, 1)
        return list(self.validated([count(nothing, nothing, exclusive=False)]))

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        self._counts, self._segmented = [], []

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        super().test_step(batch, batch_idx)
        logits = self.network.forward_masks(batch["image"])
        self._counts.append(self.mask_counts(logits, batch))
        self._segmented.append((batch["index"], in_bytes(probabilities(logits, exclusive=False))))

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self.scored |= {f"test/none/{name}": value for name, value in self.mask_scores(self._counts).items()}
        store, (rows, parts) = self.data.store, (torch.cat(own).cpu() for own in zip(*self._segmented, strict=True))
        self.predicted = PredictedMasks(
            store.ids[rows.numpy()], self.mask_names, False, store.fingerprint, at_size(parts, store.size), unseen=True
        )


class MasksOnlyTask(_SegmentingTask):
    """Training of only the segmenter of a classifier."""

    def scores(self, outputs: Outputs) -> dict[str, float]:
        return self.validated([counts for (counts,) in outputs])

    def metrics(self) -> list[str]:
        return self.mask_metrics()

    def must_find_masks(self, metric: str) -> bool:
        return True

    def training_loss(self, batch: Batch, batch_idx: int) -> Tensor:
        return self._step(batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._step(batch)

    def choose(self, outputs: Outputs) -> None:
        """Choose no thresholds, since labels are not trained."""

    def _step(self, batch: Batch) -> Tensor:
        logits = self.network.forward_masks(batch["image"])
        return self.add(self.mask_terms(logits, batch), self.mask_counts(logits, batch))


class JointTask(_SegmentingTask):
    """Training with the weighted sum of a loss on labels and a loss on masks.

    In training the classifier reads the network's own soft masks, so that the gradient of the labels reaches the
    segmenter.
    """

    def scores(self, outputs: Outputs) -> dict[str, float]:
        labels = super().scores([(logits, label) for logits, label, _ in outputs])
        return labels | self.validated([counts for _, _, counts in outputs])

    def metrics(self) -> list[str]:
        return super().metrics() + self.mask_metrics()

    def must_find_masks(self, metric: str) -> bool:
        return metric.removeprefix("val/") in self.mask_metrics()

    def training_loss(self, batch: Batch, batch_idx: int) -> Tensor:
        return self._add(batch, *self.network.forward_joint(batch["image"]))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        if self.reads_masks:  # the network reads the masks of validation instead of its own
            labels = self.logits(batch["image"], self.masks_of(batch))
            self._add(batch, labels, self.network.forward_masks(batch["image"]))
        else:
            self._add(batch, *self.network.forward_joint(batch["image"]))

    def choose(self, outputs: Outputs) -> None:
        super().choose([(logits, label) for logits, label, _ in outputs])

    def _add(self, batch: Batch, labels: Tensor, masks: Tensor) -> Tensor:
        """Add the weighted terms of both losses for the logits of labels and masks."""
        labels = labels.float()
        terms = self.mask_terms(masks, batch)
        for name, term in self.loss(labels, batch["label"]).items():
            terms[f"labels_{name}"] = self.weights["labels"] * term
        return self.add(terms, labels, batch["label"], self.mask_counts(masks, batch))
