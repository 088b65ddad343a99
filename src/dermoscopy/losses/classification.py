"""Losses on logits, computed in fp32; each returns its terms by name, already weighted."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from dermoscopy.machine.messages import nearest
from dermoscopy.metrics.classification import label_counts

Weights = str | Sequence[float] | Mapping[str, float] | None  # as a configuration gives them


class BinaryCrossEntropy(nn.Module):
    """Mean binary cross-entropy over all known labels (NaN is unknown and leaves the mean).

    Args:
        labels: names of the L labels, in the order of the logits.
        pos_weight: factor on the positives of each label: None weights nothing, "auto" takes negatives / positives
            of the training subset, a list or a mapping by name gives them (labels not named keep 1).
        rarest: another factor, on the positives of that label which the training subset shows most rarely, if at all.

    Raises:
        ValueError: a weight that is not positive, of an unknown label, or of the wrong number.
    """

    pos_weight: Tensor

    def __init__(self, labels: Sequence[str], pos_weight: Weights, rarest: float) -> None:
        super().__init__()
        self.labels, self.rarest = tuple(labels), _checked_factor(rarest)
        self.automatic = pos_weight == "auto"
        self.given = _given("pos_weight", None if self.automatic else pos_weight, self.labels, ("auto",))
        self.register_buffer("pos_weight", self.given.clone())

    @property
    def class_weights(self) -> dict[str, float]:
        """The factor on the positives of each label; those of the training subset only after `fit_class_weights`."""
        return dict(zip(self.labels, self.pos_weight.tolist(), strict=True))

    def fit_class_weights(self, label: Tensor) -> None:
        """Set what the training labels (N, L) decide: automatic weights, and which label is the rarest."""
        positives, negatives = (counts.cpu() for counts in label_counts(label))
        weight = negatives / positives.clamp(min=1) if self.automatic else self.given.clone()
        if len(weight):  # without labels, what is wrong is said in forward
            weight[_rarest(positives / (positives + negatives))] *= self.rarest
        self.pos_weight.copy_(weight)

    def forward(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        _check_shapes(logits, label)
        known = ~label.isnan()
        loss = binary_cross_entropy_with_logits(
            logits.float(), label.nan_to_num(0).float(), pos_weight=self.pos_weight, reduction="none"
        )
        return {"bce": (loss * known).sum() / known.sum().clamp(min=1)}  # a batch without any known label costs 0


class CrossEntropy(nn.Module):
    """Cross-entropy of labels of which each image has exactly one, times the weight of that label, averaged.

    An image counts if it has a single label and none is unknown. The mean is over their number, not over the sum of
    their weights, which would undo the weights in small batches.

    Args:
        labels: names of the L labels, in the order of the logits.
        class_weight: of each label. None weights nothing; "auto" is 1 / n and "complement" (S1's) 1 - n / N of n out
            of N training images, both scaled to a mean of 1 over the training images; a list or a mapping by name
            gives them (labels not named keep 1).
        rarest: another factor, on the weight of that label which the training subset shows most rarely, if at all.

    Raises:
        ValueError: fewer than 2 labels, a weight that is not positive, of an unknown label, or of the wrong number; in
            `fit_class_weights`, images with several labels, or automatic weights where only one label is ever seen.
    """

    class_weight: Tensor

    def __init__(self, labels: Sequence[str], class_weight: Weights, rarest: float) -> None:
        super().__init__()
        if len(labels) < 2:
            raise ValueError(f"labels that exclude one another are at least 2, got {list(labels)}: use loss=labels")
        self.labels, self.rarest = tuple(labels), _checked_factor(rarest)
        self.automatic = class_weight if class_weight in ("auto", "complement") else None
        given = None if self.automatic else class_weight
        self.given = _given("class_weight", given, self.labels, ("auto", "complement"))
        self.register_buffer("class_weight", self.given.clone())

    @property
    def class_weights(self) -> dict[str, float]:
        """The weight of each label; those of the training subset only after `fit_class_weights`."""
        return dict(zip(self.labels, self.class_weight.tolist(), strict=True))

    def fit_class_weights(self, label: Tensor) -> None:
        """Set what the training labels (N, L) decide: automatic weights, and which label is the rarest."""
        several = int(((label == 1).sum(1) > 1).sum())
        if several:
            raise ValueError(
                f"{several} training images have more than one of {list(self.labels)}, but the loss is for labels that "
                "exclude one another: use loss=labels, or let data.labels name such labels"
            )
        images = label_counts(label[_classified(label)])[0].cpu()  # with each label
        weight = self._by_frequency(images) if self.automatic else self.given.clone()
        weight[_rarest(images / images.sum())] *= self.rarest
        self.class_weight.copy_(weight)

    def _by_frequency(self, images: Tensor) -> Tensor:
        if (images > 0).sum() < 2:
            raise ValueError(
                f"class_weight={self.automatic} needs training images of at least 2 labels, there are "
                f"{dict(zip(self.labels, images.tolist(), strict=True))}: set class_weight=null"
            )
        weight = 1 / images.clamp(min=1) if self.automatic == "auto" else 1 - images / images.sum()
        return weight * images.sum() / (weight * images).sum()

    def forward(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        _check_shapes(logits, label)
        loss = cross_entropy(logits.float(), (label == 1).float(), weight=self.class_weight, reduction="none")
        counted = _classified(label)
        return {"ce": (loss * counted).sum() / counted.sum().clamp(min=1)}


def _classified(label: Tensor) -> Tensor:
    """Which rows (B,) have exactly one label and none that is unknown."""
    return label.sum(1) == 1  # NaN is not


def _rarest(share: Tensor) -> int:
    """The label with the smallest share (L,) of positives above 0; the first one of several."""
    return int(share.masked_fill(~(share > 0), torch.inf).argmin())


def _check_shapes(logits: Tensor, label: Tensor) -> None:
    if logits.dim() > label.dim():
        raise ValueError(
            f"the network gives masks, logits {tuple(logits.shape)}, where labels are learnt: choose another network, "
            "or model=segmentation"
        )
    if logits.shape != label.shape or label.dim() != 2:
        found = f"logits {tuple(logits.shape)} with {tuple(label.shape)}"
        raise ValueError(f"this loss compares labels (B, L), not {found}: masks need loss=sum")


def _checked_factor(rarest: float) -> float:
    if not rarest > 0:
        raise ValueError(f"rarest must be positive, got {rarest}: 1 leaves the rarest label as it is")
    return rarest


def _given(argument: str, given: Weights, labels: Sequence[str], words: Sequence[str]) -> Tensor:
    """The weight of each label (L,), 1 where none is given."""
    if given is None:
        return torch.ones(len(labels))
    if isinstance(given, str):
        raise ValueError(f"{argument} must be null, {', '.join(words)}, a list or a mapping, got {given!r}")
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(labels))
        if unknown:
            raise ValueError(
                f"{argument} names {unknown}, but the labels are {list(labels)}{nearest(unknown[0], labels)}"
            )
        given = [given.get(name, 1.0) for name in labels]
    if len(given) != len(labels) or not all(weight > 0 for weight in given):
        raise ValueError(
            f"{argument} needs {len(labels)} positive numbers, one for each of {list(labels)}, got {list(given)}"
        )
    return torch.tensor([float(weight) for weight in given])
