"""Networks and losses as tasks, evaluation and prediction see them.

Their optional abilities are Protocols that `isinstance` checks. Members of those are methods and plain attributes,
never submodules, which `isinstance` does not see on every Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor


class ImageNetwork(Protocol):
    """A network of labels that reads an image alone: (B, 3, H, W) to logits (B, L)."""

    def __call__(self, image: Tensor) -> Tensor: ...


class MaskedNetwork(Protocol):
    """A network of labels that also reads masks (B, K, H, W) in -1, 0, +1; None is all unknown."""

    def __call__(self, image: Tensor, mask: Tensor | None = None) -> Tensor: ...


class MaskNetwork(Protocol):
    """A segmenter: image (B, 3, H, W) to logits (B, K, H, W) of the same size.

    Attributes:
        masks: names of the K masks.
        exclusive: whether a pixel has at most one of them; there is then a first channel for the background.
    """

    masks: tuple[str, ...]
    exclusive: bool

    def __call__(self, image: Tensor) -> Tensor: ...


@runtime_checkable
class NamesMasks(Protocol):
    """A network of labels that says which masks it reads, a segmenter that says which it segments; maybe none."""

    masks: tuple[str, ...]


@runtime_checkable
class MapNetwork(Protocol):
    """A network of labels with feature maps (B, C, h, w) that Grad-CAM can look at, and the logits made of them.

    `forward_maps` raises ValueError where a network of this kind has none.
    """

    def forward_maps(self, image: Tensor, mask: Tensor | None = None) -> Tensor: ...

    def forward_head(self, maps: Tensor) -> Tensor: ...


@runtime_checkable
class PartialView(Protocol):
    """A network that sees a part of the image: puts a picture (B, C, H, W) of that part where it lies, 0 elsewhere."""

    def to_image_coordinates(self, picture: Tensor, image: Tensor, mask: Tensor | None = None) -> Tensor: ...


@runtime_checkable
class FeatureNetwork(Protocol):
    """A network of labels with an auxiliary head: logits (B, L) and features (B, C, h, w) in one pass.

    Attributes:
        aux_head_stride: how many pixels apart the features are; None: this one has no auxiliary head.
    """

    aux_head_stride: int | None

    def forward_with_features(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]: ...


@runtime_checkable
class JointNetwork(Protocol):
    """A network of labels that also segments.

    `forward_masks` gives mask logits (B, K, H, W) alone; `forward_joint` label logits (B, L) and those, so that the
    gradients of both reach the segmenter.

    Attributes:
        segments: names of the masks that it segments; none: this one has no segmenter.
    """

    @property
    def segments(self) -> tuple[str, ...]: ...

    def forward_masks(self, image: Tensor) -> Tensor: ...

    def forward_joint(self, image: Tensor) -> tuple[Tensor, Tensor]: ...


class MaskViews(Protocol):
    """Masks (B, K, H, W) to mask views (V, B, K, H, W); `check` refuses masks of a height and width in pixels."""

    def __call__(self, mask: Tensor, generator: Generator | None = None, /) -> Tensor: ...

    def check(self, height: int, width: int) -> None: ...


class Loss(Protocol):
    """Logits and targets to weighted terms by name: labels (B, L), NaN unknown, or masks (B, K, H, W) in -1, 0, +1."""

    def __call__(self, logits: Tensor, target: Tensor, /) -> Mapping[str, Tensor]: ...


@runtime_checkable
class LearnsClassWeights(Protocol):
    """A loss of labels whose weights are set from the training labels (N, L), NaN unknown."""

    def fit_class_weights(self, label: Tensor) -> None: ...


class ViewLoss(Protocol):
    """Outputs for the mask views of images (V, B, ...) to a weighted scalar.

    Attributes:
        of: which outputs: features, logits or probabilities.
    """

    of: str

    def __call__(self, views: Tensor, /) -> Tensor: ...
