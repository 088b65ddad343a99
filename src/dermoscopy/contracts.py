"""What rooms hand to one another, as types."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:  # what is made without torch reads this file as well
    from torch import Tensor

NOT_ANNOTATED = 255  # the store's code for a pixel nobody annotated, or outside the image


class Batch(TypedDict):
    """One batch, as tasks see it.

    Attributes:
        image: (B, 3, H, W) float, normalised.
        mask: (B, K, H, W) in -1 absent, 0 unknown, +1 present.
        label: (B, L) float, NaN unknown.
        index: (B,) rows of the store.
        predicted: (B, K, H, W) in -1, +1, 0 outside the image: the same masks by our own segmenters, where there are.
        draw: seed of the augmentation of a training batch, used up where the batch is completed.
    """

    image: Tensor
    mask: Tensor
    label: Tensor
    index: Tensor
    predicted: NotRequired[Tensor]
    draw: NotRequired[int]
