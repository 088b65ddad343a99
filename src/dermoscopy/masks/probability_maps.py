"""Masks as network output: probabilities, as kept in bytes, at a size, and what is decided from them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

FULL = 255  # a probability of 1
Plane = NDArray[np.uint8]


def decide(probability: Tensor, exclusive: bool, threshold: float) -> Tensor:
    """Tell where masks are present, bool (B, K, H, W).

    Args:
        probability: (B, K, H, W), 255 times the probability.
        exclusive: whether the likeliest mask is present, or none where the background is at least as likely.
        threshold: else each mask is present where its probability is above this.
    """
    if not exclusive:
        return probability > FULL * threshold
    background = FULL - probability.float().sum(1, keepdim=True)
    winner = torch.cat([background, probability], 1).argmax(1, keepdim=True)  # of equal ones the first
    return winner == torch.arange(1, probability.shape[1] + 1, device=winner.device)[:, None, None]


def at_size(probability: Tensor, size: tuple[int, int]) -> Plane:
    """Return probabilities uint8 (B, K, h, w) as (B, H, W, K), at the size of a store whose images were reduced."""
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
    """Return 255 times the probability, rounded, as uint8: how predicted masks are kept."""
    return (255 * probability).round().to(torch.uint8)
