"""Pixels of a gallery: photographs as JPEG, and the masks of an image as bytes from which a browser thresholds them."""

import zlib
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dermoscopy.masks.predicted import FULL, Plane, present_masks

THRESHOLDS = np.arange(1, 20) / 20  # positions of the slider: .05, .10, ..., .95
OWN = 0.5  # threshold at which runs score their masks
PRESENT = 32  # flag of a pixel of exclusive masks, above all levels
LONGEST = 512  # pixels of the longer side of a photograph
QUALITY = 85
# Number of thresholds that a stored probability exceeds: exact at each of them, and smaller than it when compressed.
LEVEL = (np.arange(FULL + 1)[:, None] > FULL * THRESHOLDS).sum(1).astype(np.uint8)


def photograph(image: NDArray[np.uint8]) -> str:
    """Return an image (H, W, 3) as a JPEG data URI, reduced to at most `LONGEST` pixels a side."""
    picture, buffer = Image.fromarray(image), BytesIO()
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    picture.save(buffer, "jpeg", quality=QUALITY)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"


def levels(probability: Plane, exclusive: bool) -> Plane:
    """Return the level of each pixel (H, W, K): the mask is present at the k-th of `THRESHOLDS` if the level is >= k.

    Args:
        probability: (H, W, K), 255 times the probability.
        exclusive: whether a pixel has at most one mask; the flag `PRESENT` then marks the one that is predicted, as the
            most probable one is, whatever the threshold.
    """
    coded = LEVEL[probability]
    if exclusive:
        planes = (plane.astype(np.float32) for plane in np.moveaxis(probability, -1, 0))
        coded |= PRESENT * np.stack([*present_masks(planes, probability.shape[-1], True, OWN)], axis=-1, dtype=np.uint8)
    return coded


def packed(masks: Sequence[Plane]) -> str:
    """Return masks (H, W, K each) as text: plane after plane, row after row, compressed (zlib), in base64."""
    planes = b"".join(np.moveaxis(mask, -1, 0).tobytes() for mask in masks)
    return b64encode(zlib.compress(planes)).decode()
