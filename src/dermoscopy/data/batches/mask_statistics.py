"""What the masks of a store hold, counted in parts of a few images, so that no store need fit into memory."""

import numpy as np
import torch
from torch import Tensor

from dermoscopy.data.batches.pixels import Pixels
from dermoscopy.masks.encoding import unpack

PART = 32  # images; small enough to stay in the processor's cache


def presence(pixels: Pixels, rows: Tensor, masks: int) -> Tensor:
    """Return the presence of each of the masks anywhere in an image: (n, K) 0, 1, or NaN where nothing is annotated."""
    parts = []
    for part in rows.split(PART):
        mask = unpack(pixels.take_codes(part), masks).flatten(2)
        highest, lowest = mask.amax(2), mask.amin(2)
        parts.append((highest > 0).float().masked_fill_((highest == 0) & (lowest == 0), np.nan))
    return torch.cat(parts).cpu()


def absent(pixels: Pixels, rows: Tensor, names: tuple[str, ...]) -> dict[str, bool]:
    """Return the masks that none of the images contains, and whether any of their pixels is annotated for them."""
    most = torch.full((len(names),), -1.0)
    known = torch.zeros(len(names), dtype=torch.bool)
    for part in rows.split(PART):
        mask = unpack(pixels.take_codes(part), len(names)).transpose(0, 1).flatten(1).cpu()
        most, known = torch.maximum(most, mask.amax(1)), known | (mask != 0).any(1)
        if (most > 0).all():  # as a rule after the first images
            return {}
    return {name: bool(known[k]) for k, name in enumerate(names) if most[k] <= 0}


def pixel_counts(pixels: Pixels, rows: Tensor, masks: int) -> tuple[Tensor, Tensor]:
    """Return the number of pixels where each of the masks is present, and where it is absent, (K,) int64 each."""
    present, known_absent = torch.zeros(masks, dtype=torch.int64), torch.zeros(masks, dtype=torch.int64)
    for part in rows.split(PART):
        mask = unpack(pixels.take_codes(part), masks)
        present += (mask > 0).sum((0, 2, 3)).cpu()
        known_absent += (mask < 0).sum((0, 2, 3)).cpu()
    return present, known_absent
