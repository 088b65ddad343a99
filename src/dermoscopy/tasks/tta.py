"""Test-time augmentation (TTA): the mean prediction over an image, its mirror images and its rotations."""

from collections.abc import Callable

import torch
from torch import Tensor

# Number of rotations by 90 degrees, and whether the result is mirrored left-right; all views differ.
TTA: dict[str, tuple[tuple[int, bool], ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, False), (2, True)),  # unchanged, left-right, both, upside-down
    "rotations": tuple((turns, mirrored) for turns in range(4) for mirrored in (False, True)),
}


def mean_over_tta(predict: Callable[[Tensor], Tensor], image: Tensor, tta: str) -> Tensor:
    """Return the mean prediction (B, K, H, W) over views of images (B, C, H, W), each restored to the image's pose.

    Args:
        predict: maps images to probabilities of the same height and width.
        image: the images.
        tta: none, flips (4) or rotations (8).
    """
    predictions = [turn_back(predict(turn(image, *view)), *view) for view in TTA[tta]]
    return torch.stack(predictions).mean(0) if len(predictions) > 1 else predictions[0]


def turn(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Rotate images `turns` times by 90 degrees, then mirror them left-right if `mirrored`."""
    rotated = torch.rot90(image, turns, (2, 3)) if turns else image
    return rotated.flip(3) if mirrored else rotated


def turn_back(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Undo `turn`."""
    return turn(image.flip(3) if mirrored else image, -turns, False)
