"""Postprocessing of probabilities into masks at the size of the original image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, label

from dermoscopy.evaluation.comparison import predicted_planes
from dermoscopy.predict.rle import EIGHT

HALF = 0.5


@dataclass(frozen=True)
class Postprocessing:
    """Steps from probabilities to masks.

    Args:
        exclusive: whether a pixel gets the likeliest of all masks and the background, instead of one decision per mask.
        threshold: a pixel belongs to a mask where its probability is above it.
        fill_holes: whether background that a mask encloses is added to it.
        min_pixels: connected parts with fewer pixels of the original are removed, after filling.

    Raises:
        ValueError: a value that exclusive masks cannot have.
    """

    exclusive: bool
    threshold: float
    fill_holes: bool
    min_pixels: int

    def __post_init__(self) -> None:
        if self.exclusive and (self.threshold != HALF or self.fill_holes):
            raise ValueError("threshold and fill_holes are for masks that may overlap; those of this run may not")

    def masks(self, probability: NDArray[np.uint8], frame: Sequence[int]) -> Iterator[NDArray[np.bool_]]:
        """Yield the masks (height, width) of an original image, one by one.

        Args:
            probability: (H, W, K), 255 times the probability of each mask.
            frame: the image's row of a store's `frame`.
        """
        for mask in predicted_planes(probability, self.exclusive, frame, self.threshold):
            filled = binary_fill_holes(mask) if self.fill_holes else mask
            yield without_small_parts(filled, self.min_pixels) if self.min_pixels > 1 else filled


def without_small_parts(mask: NDArray[np.bool_], min_pixels: int) -> NDArray[np.bool_]:
    """Return a mask without its connected parts of fewer than `min_pixels` pixels."""
    numbered, _ = label(mask, EIGHT)
    large = np.bincount(numbered.ravel()) >= min_pixels
    large[0] = False  # the background
    kept: NDArray[np.bool_] = large[numbered]
    return kept
