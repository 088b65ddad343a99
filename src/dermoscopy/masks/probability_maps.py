"""Masks as network output: probabilities, their storage in bytes, and their size."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from dermoscopy.masks.predicted import Plane, present_masks


def decide(probability: Tensor, exclusive: bool, threshold: float) -> Tensor:
    """Return the presence of masks, bool (B, K, H, W), see `present_masks`.

    Args:
        probability: (B, K, H, W), 255 times the probability, on the CPU.
        exclusive, threshold: see `present_masks`.
    """
    planes = probability.float().numpy().swapaxes(0, 1)
    masks = present_masks(planes, len(planes), exclusive, threshold)
    return torch.from_numpy(np.stack(list(masks), axis=1))


def at_size(probability: Tensor, size: tuple[int, int]) -> Plane:
    """Return probabilities uint8 (B, K, h, w) of reduced images as (B, H, W, K) at the size of the store."""
    if probability.shape[2:] != size:
        enlarged = [interpolate(part.float(), size, mode="bilinear") for part in probability.split(64)]
        probability = torch.cat([part.round().byte() for part in enlarged])
    return probability.permute(0, 2, 3, 1).numpy()


def probabilities(logits: Tensor, exclusive: bool) -> Tensor:
    """Return the probability of each mask (B, K, H, W), float32.

    Args:
        logits: (B, K, H, W), or (B, K + 1, H, W) with the background first.
        exclusive: whether a pixel has at most one of the masks.
    """
    logits = logits.float()
    return logits.softmax(1)[:, 1:] if exclusive else logits.sigmoid()


def in_bytes(probability: Tensor) -> Tensor:
    """Return 255 times the probability, rounded to uint8: the storage format of predicted masks."""
    return (255 * probability).round().to(torch.uint8)
