"""Segmentation with the masks of the store as targets; unannotated pixels and padding are ignored."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dermoscopy.contracts import Batch, MaskEvaluation, MaskEvaluator
from dermoscopy.contracts.networks import Loss
from dermoscopy.machine.messages import checked_names
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.masks.probability_maps import at_size, in_bytes, probabilities
from dermoscopy.metrics.pixel_counts import POOLED_RECALL, count, pooled_recall
from dermoscopy.metrics.segmentation import mask_scores
from dermoscopy.tasks.base import Metric, Task
from dermoscopy.tasks.parameter_groups import ParameterGroups
from dermoscopy.tasks.remarks import balance_remarks, mask_remarks
from dermoscopy.tasks.schedule import Schedule
from dermoscopy.tasks.tta import TTA, mean_over_tta


class SegmentationTask(Task):
    """Segmentation of one mask, of several masks that may overlap, or of exclusive classes.

    Args:
        network: maps an image (B, 3, H, W) to logits (B, K, H, W), or (B, K + 1, H, W), background first, if exclusive.
        loss: maps (logits, signed masks) to weighted terms by name.
        masks: names of the K masks.
        exclusive: whether a pixel has at most one of the masks.
        tta: test-time augmentations to evaluate, with scores for each: none, flips or rotations (the mean over 4 or 8
            mirror images and rotations). The masks of the last one are kept.
        optimizer, scheduler, seed, freeze, parameter_groups: see Task.
        evaluator: scores the masks predicted for the test images, by all but the custom metrics.
        metrics: custom metrics by name; each maps probabilities and signed masks (B, K, H, W), at the network's image
            size, to one number per image (B,); NaN is undefined and left out of the mean.

    Raises:
        ValueError: no masks, a mask named twice, or an unknown `tta`.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        masks: Sequence[str],
        exclusive: bool,
        tta: Sequence[str],
        evaluator: MaskEvaluator,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        seed: int,
        scheduler: Schedule | None,
        freeze: Sequence[str],
        metrics: Mapping[str, Metric],
        parameter_groups: ParameterGroups,
    ) -> None:
        super().__init__(network, loss, optimizer, seed, scheduler, freeze, metrics, parameter_groups)
        if not masks:
            raise ValueError("masks is empty: name what to segment, data.masks=[lesion]")
        if len(set(masks)) < len(masks):
            raise ValueError(f"masks={list(masks)} names a mask twice: name each once")
        self.masks, self.exclusive, self.evaluator = tuple(masks), exclusive, evaluator
        self.tta = checked_names(tta, list(TTA), "tta")
        self.tested: dict[str, list[tuple[Tensor, Tensor]]] = {}
        self._measured: dict[str, list[list[Tensor]]] = {}
        self.evaluations: dict[str, MaskEvaluation] = {}
        self.predicted: PredictedMasks | None = None  # for the test images, by the last of the tta

    def scores(self, outputs: list[tuple[Tensor, ...]]) -> dict[str, float]:
        counts = torch.cat([counts for counts, *_ in outputs]).cpu().numpy()
        scores = mask_scores(counts, self.masks) | {POOLED_RECALL: pooled_recall(counts)}
        return scores | self._means([own for _, *own in outputs])

    def _means(self, measured: Sequence[Sequence[Tensor]]) -> dict[str, float]:
        """Return the mean of each custom metric over all images."""
        values = (torch.cat(parts) for parts in zip(*measured, strict=True))
        return {name: value.nanmean().item() for name, value in zip(self.own_metrics, values, strict=True)}

    def metrics(self) -> list[str]:
        one = torch.zeros(1, len(self.masks), 1, 1)
        return [*mask_scores(count(one, one, exclusive=False).numpy(), self.masks), POOLED_RECALL]

    def must_find_masks(self, metric: str) -> bool:
        return True

    def remarks(self) -> list[str]:
        return mask_remarks(self.data, targets=True) + balance_remarks(self.data, self.loss)

    def training_loss(self, batch: Batch, batch_idx: int) -> Tensor:
        return self._step(batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._step(batch)

    def _step(self, batch: Batch) -> Tensor:
        logits, target = self.network(batch["image"]), batch["mask"]
        own = self._measure(probabilities(logits.detach(), self.exclusive), target) if self.own_metrics else []
        return self.add(self.loss(logits, target), count(logits, target, self.exclusive), *own)

    def on_test_epoch_start(self) -> None:
        self.tested = {name: [] for name in self.tta}
        self._measured = {name: [] for name in self.tta}
        self.evaluations = {}

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        for name in self.tta:
            probability = mean_over_tta(self.probability, batch["image"], name)
            self.tested[name].append((batch["index"], in_bytes(probability)))
            self._measured[name].append(self._measure(probability, batch["mask"]))

    def on_test_epoch_end(self) -> None:
        self._score_own_metrics()
        store = self.data.store
        for tta, outputs in self.tested.items():
            rows, parts = (torch.cat(tensors).cpu() for tensors in zip(*outputs, strict=True))
            index, probability = rows.numpy(), at_size(parts, store.size)
            self.evaluations[tta] = self.evaluator(probability, index, store, self.masks, self.exclusive)
            self.scored |= self.evaluations[tta].metrics(tta)
        self.predicted = PredictedMasks(
            store.ids[index], self.masks, self.exclusive, store.fingerprint, probability, unseen=True
        )
        if note := self.evaluations[tta].note:
            self.tell(note)

    def _score_own_metrics(self) -> None:
        for tta, measured in self._measured.items():
            self.scored |= {f"test/{tta}/{name}": value for name, value in self._means(measured).items()}

    @torch.inference_mode()
    def predict(self, image: Tensor) -> Tensor:
        """Return 255 times the probability of each mask in images (B, 3, H, W), uint8 (B, K, H, W)."""
        return in_bytes(self.probability(image))

    def probability(self, image: Tensor) -> Tensor:
        """Return the probability of each mask (B, K, H, W) in images (B, 3, H, W)."""
        return probabilities(self.network(image), self.exclusive)

    def _measure(self, probability: Tensor, target: Tensor) -> list[Tensor]:
        """Return the values (B,) of each custom metric."""
        values = [torch.as_tensor(metric(probability, target)).float() for metric in self.own_metrics.values()]
        for name, value in zip(self.own_metrics, values, strict=True):
            if value.shape != target.shape[:1]:
                expected, actual = tuple(target.shape[:1]), tuple(value.shape)
                raise ValueError(f"metrics.{name} must return one number per image, {expected}, it returns {actual}")
        return values
