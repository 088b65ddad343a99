"""Post-processing of a lesion mask: largest component, dilation, hole filling."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, label
from torch import Tensor, nn
from torch.nn.functional import conv2d

Plane = NDArray[np.bool_]
CORNERS_TOUCH = np.ones((3, 3))


class MaskPostprocessing(nn.Module):
    """The largest component of a mask, widened, without holes; whatever is off leaves the mask as it is.

    Pixels that touch at a side or a corner are one component (8 neighbours). A hole is background from which no way
    over sides alone (4 neighbours) leads out of the image. Holes are filled last: those that widening makes, too.

    Args:
        dilate: radius of the disc by which the mask is widened, a share of the image's shorter side; 0 is none.
        largest: keep the largest component alone; of several as large, the one that begins highest.
        fill: fill the holes.

    Raises:
        ValueError: dilate outside [0, 1).
    """

    def __init__(self, dilate: float, largest: bool, fill: bool) -> None:
        super().__init__()
        if not 0 <= dilate < 1:
            raise ValueError(f"dilate is a share of the shorter side, in [0, 1), got {dilate}")
        self.dilate, self.largest, self.fill = dilate, largest, fill

    def forward(self, mask: Tensor) -> Tensor:
        """Return the region (B, 1, H, W) of a mask (B, 1, H, W), both 0 or 1."""
        if self.largest:
            mask = largest_component(mask)
        if radius := round(self.dilate * min(mask.shape[-2:])):
            mask = dilated(mask, radius)
        return without_holes(mask) if self.fill else mask

    def extra_repr(self) -> str:
        return f"dilate={self.dilate}, largest={self.largest}, fill={self.fill}"


def dilated(mask: Tensor, radius: int) -> Tensor:
    """Return a mask (B, 1, H, W) of 0 and 1 widened by a disc of a radius in pixels."""
    across = torch.arange(-radius, radius + 1, device=mask.device) ** 2
    disc = (across[:, None] + across <= radius**2).to(mask)
    return (conv2d(mask, disc[None, None], padding=radius) > 0.5).to(mask)  # counts, perhaps not quite whole numbers


def largest_component(mask: Tensor) -> Tensor:
    """Return the largest component of each mask (B, 1, H, W) of 0 and 1; an empty one stays empty."""
    return _each(mask, _largest)


def without_holes(mask: Tensor) -> Tensor:
    """Return each mask (B, 1, H, W) of 0 and 1 with its holes filled."""
    return _each(mask, binary_fill_holes)


def _each(mask: Tensor, change: Callable[[Plane], Plane]) -> Tensor:
    """Return masks, each changed on the CPU: a winding component would take a GPU hundreds of steps."""
    planes = [change(plane) for plane in (mask[:, 0] > 0).cpu().numpy()]
    return torch.from_numpy(np.stack(planes))[:, None].to(mask)


def _largest(mask: Plane) -> Plane:
    numbered, _ = label(mask, CORNERS_TOUCH)
    size = np.bincount(numbered.ravel())
    size[0] = 0  # the background
    return mask & (numbered == size.argmax())
