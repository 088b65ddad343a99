"""Labels and masks learnt by one network: a Y-net, or a cascade."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dermoscopy.contracts import Batch
from dermoscopy.metrics.pixel_counts import count
from dermoscopy.metrics.segmentation import mask_scores
from dermoscopy.tasks.classification import ClassificationTask

BOTH = ("labels", "masks")


class JointTask(ClassificationTask):
    """The weighted sum of a loss on labels and a loss on masks.

    With a weight of 0 for labels, the network's ``segmenter`` is trained alone; with 0 for masks, labels are learnt as
    in a classification, from the masks that ``source`` names. With both, the network's own masks are used, soft, so
    that the label's gradient reaches the segmenter.

    Args:
        mask_loss: maps mask logits and signed masks to weighted terms by name.
        masks: names of the K masks.
        weights: of the two losses, {labels: 1, masks: 1}.
        exclusive: whether a pixel has at most one of the masks, which is not offered here.
        others: see ClassificationTask; the network has ``segmenter`` and ``both``.

    Raises:
        ValueError: masks that exclude each other; weights that are not of labels and masks, negative or both 0; a
            network without the two.
    """

    def __init__(
        self,
        mask_loss: nn.Module,
        masks: Sequence[str],
        weights: Mapping[str, float],
        exclusive: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        if exclusive:
            raise ValueError("labels and masks are learnt together from masks that may overlap: set exclusive=false")
        if set(weights) != set(BOTH) or min(weights.values()) < 0 or not any(weights.values()):
            raise ValueError(
                f"model.weights must be {{labels: a, masks: b}}, at least 0 and not both 0, got {dict(weights)}"
            )
        if not (hasattr(self.network, "both") and getattr(self.network, "segmenter", None) is not None):
            kind = type(self.network).__name__
            raise ValueError(
                f"labels and masks are learnt by a network with a segmenter, {kind} has none: network=ynet"
            )
        self.mask_loss, self.mask_names, self.weights = mask_loss, tuple(masks), dict(weights)
        self._counts: list[Tensor] = []

    def scores(self, outputs: list[tuple[Tensor, ...]]) -> dict[str, float]:
        labels = super().scores([parts[:2] for parts in outputs]) if self.weights["labels"] else {}
        counts = [parts[-1] for parts in outputs] if self.weights["masks"] else []
        return labels | self._mask_scores(counts)

    def _mask_scores(self, counts: list[Tensor]) -> dict[str, float]:
        return mask_scores(torch.cat(counts).cpu().numpy(), self.mask_names) if counts else {}

    def metrics(self) -> list[str]:
        one = torch.zeros(1, len(self.mask_names), 1, 1)
        masks = list(mask_scores(count(one, one, exclusive=False).numpy(), self.mask_names))
        return (super().metrics() if self.weights["labels"] else []) + (masks if self.weights["masks"] else [])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        if not self.weights["masks"]:
            return super().training_step(batch, batch_idx)
        if self.weights["labels"]:
            logits, found = self.network.both(batch["image"])  # type: ignore[operator]
            loss = self._add(batch, logits.float(), found)
        else:
            loss = self._add(batch, None, self._segmented(batch))
        self.watch(loss, batch_idx)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        if not self.weights["masks"]:
            super().validation_step(batch, batch_idx)
            return
        if self.weights["labels"] and not self.reads_masks:
            logits, found = self.network.both(batch["image"])  # type: ignore[operator]
            self._add(batch, logits.float(), found)
            return
        logits = self.logits(batch["image"], self.masks_of(batch)) if self.weights["labels"] else None
        self._add(batch, logits, self._segmented(batch))

    def choose(self, outputs: list[tuple[Tensor, ...]]) -> None:
        if self.weights["labels"]:
            super().choose([parts[:2] for parts in outputs])

    def _segmented(self, batch: Batch) -> Tensor:
        logits: Tensor = self.network.segmenter(batch["image"])  # type: ignore[operator]
        return logits

    def _add(self, batch: Batch, logits: Tensor | None, found: Tensor) -> Tensor:
        """Add the weighted terms of both losses, or of masks alone."""
        terms = {name: self.weights["masks"] * term for name, term in self.mask_loss(found, batch["mask"]).items()}
        counts = count(found, batch["mask"], exclusive=False)
        if logits is None:
            return self.add(terms, counts)
        label_terms = self.loss(logits, batch["label"]).items()
        terms |= {f"labels_{name}": self.weights["labels"] * term for name, term in label_terms}
        return self.add(terms, logits, batch["label"], counts)

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        self._counts = []

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        super().test_step(batch, batch_idx)
        if self.weights["masks"]:
            self._counts.append(count(self._segmented(batch), batch["mask"], exclusive=False))

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self.scored |= {f"test/none/{name}": value for name, value in self._mask_scores(self._counts).items()}
