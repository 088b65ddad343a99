"""Losses of labels on logits, computed in fp32; each returns its weighted terms by name.

A label is 0, 1 or NaN for unknown, or in between where two images were mixed: the share of the image that has it.
Label smoothing (Szegedy et al., Rethinking the Inception Architecture, 2016, section 7) acts in training alone, so that
the losses of validation compare between its values.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from dermoscopy.losses.weights import Weights, weights_by_name
from dermoscopy.metrics.classification import label_counts

ROUNDING = 1e-4  # of a sum of shares


class BinaryCrossEntropy(nn.Module):
    """Mean binary cross-entropy over all known labels (NaN is unknown and excluded).

    Args:
        labels: names of the L labels, in the order of the logits.
        pos_weight: factor on the positives of each label: None for none, "auto" for negatives / positives in the
            training subset, or a list or a mapping by name (labels not named keep 1).
        rarest: additional factor on the positives of the rarest label that occurs in the training subset.
        smoothing: share of the target of each label that is spread evenly over yes and no in training: 1 becomes
            1 - smoothing / 2, and 0 becomes smoothing / 2.

    Raises:
        ValueError: a weight is not positive or of an unknown label, their number is wrong, or `smoothing` is not in
            [0, 1).
    """

    pos_weight: Tensor

    def __init__(self, labels: Sequence[str], pos_weight: Weights, rarest: float, smoothing: float) -> None:
        super().__init__()
        self.labels, self.rarest = tuple(labels), _checked_factor(rarest)
        self.smoothing = _checked_smoothing(smoothing)
        self.automatic = pos_weight == "auto"
        self.given = weights_by_name("pos_weight", None if self.automatic else pos_weight, self.labels, ("auto",))
        self.register_buffer("pos_weight", self.given.clone())

    @property
    def class_weights(self) -> dict[str, float]:
        """Factor on the positives of each label; factors from the training subset only after `fit_class_weights`."""
        return dict(zip(self.labels, self.pos_weight.tolist(), strict=True))

    def fit_class_weights(self, label: Tensor) -> None:
        """Set the weights that depend on the training labels (N, L): automatic ones and that of the rarest label."""
        positives, negatives = (counts.cpu() for counts in label_counts(label))
        weight = negatives / positives.clamp(min=1) if self.automatic else self.given.clone()
        if len(weight):  # without labels, forward raises the error
            weight[_rarest(positives / (positives + negatives))] *= self.rarest
        self.pos_weight.copy_(weight)

    def forward(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        _check_shapes(logits, label)
        known = ~label.isnan()
        target = label.nan_to_num(0).float()
        if self.training and self.smoothing:
            target = _smoothed(target, self.smoothing, 2)
        loss = binary_cross_entropy_with_logits(logits.float(), target, pos_weight=self.pos_weight, reduction="none")
        return {"bce": (loss * known).sum() / known.sum().clamp(min=1)}  # 0 for a batch without known labels


class CrossEntropy(nn.Module):
    """Mean cross-entropy of mutually exclusive labels, weighted by the weight of each image's label.

    Images with exactly one label and no unknown label count, and mixtures of two of them. The sum is divided by their
    number and not by the sum of their weights, which would cancel the weights in small batches.

    Args:
        labels: names of the L labels, in the order of the logits.
        class_weight: weight of each label: None for none; for n of N training images "auto" is 1 / n and "complement"
            (of the cascade study) 1 - n / N, both scaled to a mean of 1 over the training images; or a list or a
            mapping by name (labels not named keep 1).
        rarest: additional factor on the weight of the rarest label that occurs in the training subset.
        smoothing: share of the target that is spread evenly over all L labels in training; the weight of a label counts
            for the share that it receives, as in torch.

    Raises:
        ValueError: there are fewer than 2 labels, a weight is not positive or of an unknown label, their number is
            wrong, or `smoothing` is not in [0, 1); in `fit_class_weights`, only one label occurs for automatic weights.
    """

    class_weight: Tensor

    def __init__(self, labels: Sequence[str], class_weight: Weights, rarest: float, smoothing: float) -> None:
        super().__init__()
        if len(labels) < 2:
            raise ValueError(f"mutually exclusive labels must be at least 2, got {list(labels)}: use loss=labels")
        self.labels, self.rarest = tuple(labels), _checked_factor(rarest)
        self.smoothing = _checked_smoothing(smoothing)
        self.automatic = class_weight if class_weight in ("auto", "complement") else None
        given = None if self.automatic else class_weight
        self.given = weights_by_name("class_weight", given, self.labels, ("auto", "complement"))
        self.register_buffer("class_weight", self.given.clone())

    @property
    def class_weights(self) -> dict[str, float]:
        """Weight of each label; weights from the training subset only after `fit_class_weights`."""
        return dict(zip(self.labels, self.class_weight.tolist(), strict=True))

    def fit_class_weights(self, label: Tensor) -> None:
        """Set the weights that depend on the training labels (N, L): automatic ones and that of the rarest label."""
        images = label_counts(label[_classified(label)])[0].cpu()  # per label
        weight = self._by_frequency(images) if self.automatic else self.given.clone()
        weight[_rarest(images / images.sum())] *= self.rarest
        self.class_weight.copy_(weight)

    def _by_frequency(self, images: Tensor) -> Tensor:
        if (images > 0).sum() < 2:
            raise ValueError(
                f"class_weight={self.automatic} needs training images of at least 2 labels, there are "
                f"{dict(zip(self.labels, images.tolist(), strict=True))}: set loss.class_weight=null"
            )
        weight = 1 / images.clamp(min=1) if self.automatic == "auto" else 1 - images / images.sum()
        return weight * images.sum() / (weight * images).sum()

    def forward(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        _check_shapes(logits, label)
        target = label.nan_to_num(0).float()
        if self.training and self.smoothing:
            target = _smoothed(target, self.smoothing, len(self.labels))
        loss = cross_entropy(logits.float(), target, weight=self.class_weight, reduction="none")
        counted = _classified(label)
        return {"ce": (loss * counted).sum() / counted.sum().clamp(min=1)}


def _classified(label: Tensor) -> Tensor:
    """Return which rows (B,) have exactly one label, or shares of labels that add up to one, and no unknown one."""
    return (label.sum(1) - 1).abs() < ROUNDING  # false for NaN


def _smoothed(target: Tensor, smoothing: float, classes: int) -> Tensor:
    return target * (1 - smoothing) + smoothing / classes


def _rarest(share: Tensor) -> int:
    """Return the label with the smallest share (L,) of positives above 0; the first one if several are equal."""
    return int(share.masked_fill(~(share > 0), torch.inf).argmin())


def _check_shapes(logits: Tensor, label: Tensor) -> None:
    if logits.dim() > label.dim():
        raise ValueError(
            f"the network returns masks, logits {tuple(logits.shape)}, but the loss is for labels: choose another "
            "network, or model=segmentation"
        )
    if logits.shape != label.shape or label.dim() != 2:
        shapes = f"logits {tuple(logits.shape)} with {tuple(label.shape)}"
        raise ValueError(f"this loss compares labels (B, L), not {shapes}: masks need loss=sum")


def _checked_factor(rarest: float) -> float:
    if not 0 < rarest < math.inf:
        raise ValueError(f"rarest must be a positive number, got {rarest}: 1 leaves the rarest label unchanged")
    return rarest


def _checked_smoothing(smoothing: float) -> float:
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must lie in [0, 1), got {smoothing}: 0 switches it off")
    return smoothing
