"""Consistency training: the outputs for several views of an image, which differ in their masks, are to agree."""

from typing import Any

from torch import Tensor

from dermoscopy.contracts import Batch
from dermoscopy.contracts.networks import FeatureNetwork, MaskViews, NamesMasks, ViewLoss
from dermoscopy.tasks.classification import LabelTask


class ConsistencyTask(LabelTask):
    """Classification of V mask views of each image, with a loss on the differences between the views.

    The loss on labels is the mean over all views. Validation and test are those of any classifier.

    Args:
        mask_views: maps masks (B, K, H, W) and a generator to views (V, B, K, H, W).
        consistency: maps the network's outputs for the views (V, B, ...) to a weighted scalar; `of` names the outputs:
            features (of the network's auxiliary head), logits or probabilities.
        others: see LabelTask.

    Raises:
        ValueError: the network reads no masks, or has no auxiliary head whose features are to be compared.
    """

    def __init__(self, mask_views: MaskViews, consistency: ViewLoss, **others: Any) -> None:
        super().__init__(**others)
        self.mask_views, self.consistency = mask_views, consistency
        kind = type(self.network).__name__
        if not self.reads_masks or (isinstance(self.network, NamesMasks) and self.network.masks == ()):
            raise ValueError(f"views differ in their masks alone, and {kind} reads none: name some in data.masks")
        if consistency.of == "features" and not self._has_auxiliary_head():
            raise ValueError(
                f"consistency of features needs a network with an auxiliary head, {kind} has none: "
                "set network.aux_head_stride=8, or consistency.of=logits"
            )

    def _has_auxiliary_head(self) -> bool:
        return isinstance(self.network, FeatureNetwork) and self.network.aux_head_stride is not None

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit":
            self.mask_views.check(*self.data.size)

    def training_loss(self, batch: Batch, batch_idx: int) -> Tensor:
        masks: Tensor = self.mask_views(self.masks_to_train_with(batch), self.draw("views", batch_idx))
        count = len(masks)
        image, label = batch["image"].repeat(count, 1, 1, 1), batch["label"].repeat(count, 1)
        logits, compared = self._outputs_of(image, masks.flatten(0, 1))
        terms = {**self.loss(logits, label), "consistency": self.consistency(compared.unflatten(0, (count, -1)))}
        return self.add(terms, logits, label)

    def _outputs_of(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits, and the outputs to compare."""
        if self.consistency.of == "features":
            logits, features = self.network.forward_with_features(image, mask)  # type: ignore[operator]
            return logits.float(), features
        logits = self.logits(image, mask)
        return logits, logits if self.consistency.of == "logits" else self.probability(logits)
