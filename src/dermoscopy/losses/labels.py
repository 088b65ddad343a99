"""Losses on logits, computed in fp32; each returns its terms by name, already weighted."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from dermoscopy.metrics.labels import label_counts


class BinaryCrossEntropy(nn.Module):
    """Mean binary cross-entropy over all known labels (NaN is unknown and leaves the mean).

    Args:
        labels: names of the L labels, in the order of the logits.
        pos_weight: factor on the positives of each label: None weights nothing, "auto" takes negatives / positives
            of the training side, a list or a mapping by name gives them (labels not named keep 1).

    Raises:
        ValueError: a weight that is not positive, of an unknown label, or of the wrong number.
    """

    def __init__(
        self, labels: Sequence[str], pos_weight: str | Sequence[float] | Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.automatic = pos_weight == "auto"
        given = None if self.automatic else pos_weight
        self.pos_weight: Tensor
        self.register_buffer("pos_weight", torch.tensor(self._weights(given)))

    def _weights(self, given: str | Sequence[float] | Mapping[str, float] | None) -> list[float]:
        if given is None:
            return [1.0] * len(self.labels)
        if isinstance(given, str):
            raise ValueError(f"loss.pos_weight must be null, auto, a list or a mapping, got {given!r}")
        if isinstance(given, Mapping):
            unknown = set(given) - set(self.labels)
            if unknown:
                raise ValueError(f"loss.pos_weight names {sorted(unknown)}, but the labels are {list(self.labels)}")
            given = [given.get(name, 1.0) for name in self.labels]
        if len(given) != len(self.labels) or min(given) <= 0:
            raise ValueError(
                f"loss.pos_weight needs {len(self.labels)} positive numbers, one for each of {list(self.labels)}, "
                f"got {list(given)}"
            )
        return [float(weight) for weight in given]

    def fit(self, label: Tensor) -> None:
        """Set automatic weights from the training labels (N, L); does nothing if weights were given or null."""
        if self.automatic:
            positives, negatives = label_counts(label)
            self.pos_weight.copy_(negatives / positives.clamp(min=1))

    def forward(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        if logits.shape != label.shape or label.dim() != 2:
            found = f"logits {tuple(logits.shape)} with {tuple(label.shape)}"
            raise ValueError(f"this loss compares labels (B, L), not {found}: masks need loss=sum")
        known = ~label.isnan()
        loss = binary_cross_entropy_with_logits(
            logits.float(), label.nan_to_num(0).float(), pos_weight=self.pos_weight, reduction="none"
        )
        return {"bce": (loss * known).sum() / known.sum().clamp(min=1)}  # a batch without any known label costs 0
