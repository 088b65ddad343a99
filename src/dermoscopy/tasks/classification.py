"""Classification with masks as extra input, zeroed at random in training, unknown in validation."""

from typing import Any

from torch import Tensor

from dermoscopy.masks import Zeroing
from dermoscopy.tasks.base import Batch
from dermoscopy.tasks.labels import LabelTask


class ClassificationTask(LabelTask):
    """Labels from an image and masks of which random cells are unknown.

    Args:
        zeroing: applied to the masks of every training batch.
        others: see LabelTask.
    """

    def __init__(self, zeroing: Zeroing, **others: Any) -> None:
        super().__init__(**others)
        self.zeroing = zeroing

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and 0 < self.zeroing.p < 1:
            self.zeroing.check(*self.data.size)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        # p = 1 is the image-only network: no masks to read, nothing to compute for them
        none = self.zeroing.p == 1
        mask = None if none else self.zeroing(self.source_masks(batch), self.draw("zeroing", batch_idx))
        logits = self.logits(batch["image"], mask)
        loss = self.add(self.loss(logits, batch["label"]), logits, batch["label"])
        self.watch(loss, batch_idx)
        return loss
