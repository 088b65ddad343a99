"""Masks as network output: probabilities, their storage in bytes, their size and the masks thresholded from them."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

FULL = 255  # a probability of 1
Plane = NDArray[np.uint8]


def present_masks(
    planes: Iterable[NDArray[np.float32]], count: int, exclusive: bool, threshold: float
) -> Iterator[NDArray[np.bool_]]:
    """Yield the presence map of each mask one by one, so that few planes of a large image are in memory.

    Args:
        planes: float32, 255 times the probability of each mask, all of one shape.
        count: number of masks.
        exclusive: whether only the most probable mask is present, and none where the background (the remainder to 1)
            is at least as probable; among equally probable masks the first.
        threshold: probability above which a mask is present, if not exclusive.
    """
    if not exclusive:
        yield from (plane > FULL * threshold for plane in planes)
        return
    winner = _most_likely(iter(planes))
    yield from (winner == number for number in range(1, count + 1))


def _most_likely(planes: Iterator[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Return the number of the highest plane per pixel, counted from 1; 0 where none exceeds the background."""
    highest = next(planes)
    background, winner = FULL - highest, np.ones(highest.shape, np.uint8)
    for number, plane in enumerate(planes, start=2):
        background -= plane
        winner[plane > highest] = number
        highest = np.maximum(highest, plane)
    winner[highest <= background] = 0
    return winner


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
