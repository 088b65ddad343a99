"""Random pixels of the masks of a batch, on the device and without waiting for it."""

import torch
from torch import Tensor

from dermoscopy.masks.encoding import PACKED, unpack


def random_foreground(code: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a mask of each image among those present in it, then one of its pixels.

    The largest of independent uniform numbers lies at each of their places with the same probability.

    Args:
        code: packed masks (B, 1, H, W), see `masks.encoding.pack`.
        generator: of the draws.

    Returns:
        Whether the image has any mask (B,), and the centre of the pixel (B, 2): x and y in units of half the frame's
        side, without meaning where it has none.
    """
    batch, (height, width) = len(code), code.shape[-2:]
    present = unpack(code, PACKED[code.dtype]).gt_(0).flatten(2)  # (B, K, H W): 1 or 0
    masks = present.amax(2)
    drawn = torch.rand(masks.shape, generator=generator, device=code.device) + masks  # those present above 1
    pixels = present[torch.arange(batch, device=code.device), drawn.argmax(1)]
    place = (torch.rand(pixels.shape, generator=generator, device=code.device) + pixels).argmax(1)
    x, y = (2 * (place % width) + 1) / width - 1, (2 * (place // width) + 1) / height - 1
    return masks.amax(1) > 0, torch.stack([x, y], 1)
