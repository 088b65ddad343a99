"""Test-time augmentation: the mean of what a network says of an image and of its mirror images and turns."""

from collections.abc import Callable

import torch
from torch import Tensor

# Turns by 90 degrees and whether the result is mirrored left-right; all different.
TTA: dict[str, tuple[tuple[int, bool], ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, False), (2, True)),  # as it is, left-right, both, upside-down
    "rotations": tuple((turns, mirrored) for turns in range(4) for mirrored in (False, True)),
}


def mean_over_tta(predict: Callable[[Tensor], Tensor], image: Tensor, tta: str) -> Tensor:
    """Return the mean prediction (B, K, H, W) over the tta of images (B, C, H, W), each turned back first.

    Args:
        predict: maps images to probabilities of the same height and width.
        image: the images.
        tta: none, flips (4) or rotations (8).
    """
    turned = [turn_back(predict(turn(image, *view)), *view) for view in TTA[tta]]
    return torch.stack(turned).mean(0) if len(turned) > 1 else turned[0]


def turn(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Turn by 90 degrees so many times, then mirror left-right."""
    turned = torch.rot90(image, turns, (2, 3)) if turns else image
    return turned.flip(3) if mirrored else turned


def turn_back(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Undo `turn`."""
    return turn(image.flip(3) if mirrored else image, -turns, False)
