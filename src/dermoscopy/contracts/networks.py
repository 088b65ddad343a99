"""Interfaces of networks and losses for tasks, evaluation and prediction.

Optional abilities are Protocols for `isinstance` checks. Their members are methods and plain attributes, never
submodules, which `isinstance` does not recognise in every Python version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Generator, Tensor

WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")  # by which a setting names a file of weights


class ImageNetwork(Protocol):
    """A classifier that reads only an image: (B, 3, H, W) to logits (B, L)."""

    def __call__(self, image: Tensor) -> Tensor: ...


class MaskedNetwork(Protocol):
    """A classifier that also reads masks (B, K, H, W) in -1, 0, +1; None: all unknown."""

    def __call__(self, image: Tensor, mask: Tensor | None = None) -> Tensor: ...


class MaskNetwork(Protocol):
    """A segmenter: image (B, 3, H, W) to logits (B, K, H, W) of the same size.

    Attributes:
        masks: names of the K masks.
        exclusive: whether a pixel has at most one of them; the first channel is then the background.
    """

    masks: tuple[str, ...]
    exclusive: bool

    def __call__(self, image: Tensor) -> Tensor: ...


@runtime_checkable
class NamesMasks(Protocol):
    """A classifier with the names of the masks that it reads, or a segmenter with those that it segments; or none."""

    masks: tuple[str, ...]


@runtime_checkable
class NamesHead(Protocol):
    """A network that names its head: the layers that weights of another task lack, and that start new.

    `head_names` returns the beginnings of the names of their parameters.
    """

    def head_names(self) -> Sequence[str]: ...


@runtime_checkable
class NamesBlocks(Protocol):
    """A network whose body, all but its head, is a sequence of blocks.

    `blocks_to_output` returns the number of blocks between a parameter of the body and its last block, by the
    parameter's name.
    """

    def blocks_to_output(self) -> Mapping[str, int]: ...


@runtime_checkable
class StartsFromFile(Protocol):
    """A network that started from a file of weights.

    Attributes:
        initial_weights: one line on the tensors that stayed new or were left out; empty if all were loaded.
    """

    initial_weights: str


@runtime_checkable
class MapNetwork(Protocol):
    """A classifier with feature maps (B, C, h, w) for Grad-CAM, and a head that computes the logits from them.

    `forward_maps` raises ValueError for a network without maps.
    """

    def forward_maps(self, image: Tensor, mask: Tensor | None = None) -> Tensor: ...

    def forward_head(self, maps: Tensor) -> Tensor: ...


@runtime_checkable
class PartialView(Protocol):
    """A network that reads a part of the image, and places a picture (B, C, H, W) of it in the image, 0 elsewhere."""

    def to_image_coordinates(self, picture: Tensor, image: Tensor, mask: Tensor | None = None) -> Tensor: ...


@runtime_checkable
class FeatureNetwork(Protocol):
    """A classifier with an auxiliary head: logits (B, L) and features (B, C, h, w) in one pass.

    Attributes:
        aux_head_stride: distance of the features in pixels; None: no auxiliary head.
    """

    aux_head_stride: int | None

    def forward_with_features(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]: ...


@runtime_checkable
class JointNetwork(Protocol):
    """A classifier that also segments.

    `forward_masks` returns only mask logits (B, K, H, W); `forward_joint` returns label logits (B, L) and mask logits,
    so that the gradients of both reach the segmenter.

    Attributes:
        segments: names of the masks that it segments; empty: no segmenter.
    """

    @property
    def segments(self) -> tuple[str, ...]: ...

    def forward_masks(self, image: Tensor) -> Tensor: ...

    def forward_joint(self, image: Tensor) -> tuple[Tensor, Tensor]: ...


class MaskViews(Protocol):
    """A function from masks (B, K, H, W) to mask views (V, B, K, H, W); `check` refuses an unsuitable mask size."""

    def __call__(self, mask: Tensor, generator: Generator | None = None, /) -> Tensor: ...

    def check(self, height: int, width: int) -> None: ...


class Loss(Protocol):
    """A function from logits and targets to weighted terms by name: labels (B, L), NaN unknown, or signed masks.

    Where training images are mixed, a label is the share of the mixture that has it, in 0 ... 1.
    """

    def __call__(self, logits: Tensor, target: Tensor, /) -> Mapping[str, Tensor]: ...


@runtime_checkable
class LearnsClassWeights(Protocol):
    """A loss on labels whose class weights are computed from the training labels (N, L), NaN unknown."""

    def fit_class_weights(self, label: Tensor) -> None: ...


@runtime_checkable
class LearnsMaskWeights(Protocol):
    """A loss on masks whose weights may be computed from the training masks.

    `fit_mask_weights` receives a function that counts the training pixels where each of the K masks is present, and
    where it is absent, (K,) each; it calls it only if it needs the counts, and returns lines that state the weights.
    """

    def fit_mask_weights(self, pixels: Callable[[], tuple[Tensor, Tensor]]) -> list[str]: ...


class ViewLoss(Protocol):
    """A loss that maps the outputs for mask views of images (V, B, ...) to a weighted scalar.

    Attributes:
        of: the outputs that it compares: features, logits or probabilities.
    """

    of: str

    def __call__(self, views: Tensor, /) -> Tensor: ...
