"""Encoding of the store's masks as network input (+1 present, -1 absent, 0 unknown), packed into one plane."""

import torch
from torch import Tensor

from dermoscopy.contracts import NOT_ANNOTATED

# Number of masks that a type holds; `unpack` returns those that were not packed as 0.
PACKED = {torch.int8: 5, torch.int16: 10, torch.int32: 15}
MOST_PACKED = PACKED[torch.int32]  # more than 15 float32 would not represent exactly


def encode(mask: Tensor) -> Tensor:
    """Encode the store's values (0 absent, 1 present, 255 not annotated; uint8, any shape) as float -1, +1 and 0."""
    signed = mask.to(torch.float32).mul_(2).sub_(1)  # never in uint8: -1 would wrap to 255, "unknown" would read as 0
    return signed.masked_fill_(mask == NOT_ANNOTATED, 0)


def pack(stored: Tensor) -> Tensor:
    """Pack masks of the store (B, K, H, W) into one integer per pixel (B, 1, H, W): -1, 0, +1 as ternary digits.

    All K masks are then warped as one plane, and a pixel outside the frame, 0, is unknown in all of them. int8 holds
    5 masks, int16 holds 10, int32 the rest.

    Raises:
        ValueError: there are more than 15 masks.
    """
    count = stored.shape[1]
    if count > MOST_PACKED:
        raise ValueError(
            f"{count} masks are selected, a network can read at most {MOST_PACKED}: list fewer in data.masks"
        )
    code = torch.zeros(len(stored), 1, *stored.shape[2:], device=stored.device)
    for k in range(count):
        code.add_(encode(stored[:, k : k + 1]), alpha=3**k)
    return code.to(next(kind for kind, most in PACKED.items() if count <= most))


def unpack(code: Tensor, count: int) -> Tensor:
    """Return the `count` masks (B, K, H, W), float -1, 0, +1, packed into one plane (B, 1, H, W) by `pack`."""
    rest = code[:, 0].float()
    masks = torch.empty(len(code), count, *code.shape[2:], device=code.device)
    for k in range(count):
        higher = (rest / 3).round_()
        torch.sub(rest, higher, alpha=3, out=masks[:, k])
        rest = higher
    return masks
