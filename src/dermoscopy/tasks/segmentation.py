"""Segmentation: the masks of the store as targets; what is not annotated or outside the image counts nowhere."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dermoscopy.metrics.masks import count, mask_scores
from dermoscopy.predict.tta import VIEWS, mean_over_views
from dermoscopy.suggest import nearest
from dermoscopy.tasks.base import Batch, Task
from dermoscopy.tasks.schedule import Schedule


class SegmentationTask(Task):
    """One mask, several that may overlap, or several classes of which a pixel has at most one.

    Args:
        network: maps an image (B, 3, H, W) to logits (B, K, H, W), or (B, K + 1, H, W), background first, if exclusive.
        loss: maps (logits, signed masks) to weighted terms by name.
        masks: names of the K masks.
        exclusive: whether a pixel has at most one of the masks.
        views: how the test images are shown, one row of scores each: none (as they are), flips or rotations (the mean
            over 4 or 8 mirror images and turns). The masks of the last one are kept.
        optimizer, scheduler, seed, freeze: see Task.

    Raises:
        ValueError: no masks, unknown views.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        masks: Sequence[str],
        exclusive: bool,
        views: Sequence[str],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        seed: int,
        scheduler: Schedule | None = None,
        freeze: Sequence[str] = (),
    ) -> None:
        super().__init__(network, loss, optimizer, seed, scheduler, freeze)
        if not masks:
            raise ValueError("data.masks is empty: name the masks to segment, data.masks=[lesion]")
        for name in views:
            if name not in VIEWS:
                raise ValueError(f"model.views names {name!r}, it may name {list(VIEWS)}{nearest(name, VIEWS)}")
        self.masks, self.exclusive, self.views = tuple(masks), exclusive, tuple(views)
        self.tested: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def scores(self, outputs: list[tuple[Tensor, ...]]) -> dict[str, float]:
        return mask_scores(torch.cat([counts for (counts,) in outputs]).cpu().numpy(), self.masks)

    def metrics(self) -> list[str]:
        one = torch.zeros(1, len(self.masks), 1, 1)
        return list(self.scores([(count(one, one, exclusive=False),)]))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self._step(batch)
        self.watch(loss, batch_idx)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._step(batch)

    def _step(self, batch: Batch) -> Tensor:
        logits = self.network(batch["image"])
        return self.add(self.loss(logits, batch["mask"]), count(logits, batch["mask"], self.exclusive))

    def on_test_epoch_start(self) -> None:
        self.tested = {name: [] for name in self.views}

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        for name, outputs in self.tested.items():
            outputs.append((batch["index"], self.found(batch["image"], name)))

    @torch.inference_mode()
    def found(self, image: Tensor, views: str = "none") -> Tensor:
        """Return 255 times the probability of each mask, uint8 (B, K, H, W), the mean over some views of the images."""
        return (255 * mean_over_views(self.probability, image, views)).round().to(torch.uint8)

    def probability(self, image: Tensor) -> Tensor:
        """Return the probability of each mask (B, K, H, W) in images (B, 3, H, W)."""
        logits = self.network(image).float()
        return logits.softmax(1)[:, 1:] if self.exclusive else logits.sigmoid()
