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
    """Largest component of a mask, dilated and without holes; each step is optional.

    Pixels that touch at a side or a corner are one component (8-connectivity). A hole is background that is not
    connected to the border over sides (4-connectivity). Holes are filled last, including those made by the dilation.

    Args:
        dilate: radius of the disc of the dilation, as a share of the image's shorter side; 0 for none.
        largest: whether to keep only the largest component; of several equally large ones, the topmost.
        fill: whether to fill the holes.

    Raises:
        ValueError: `dilate` is outside [0, 1).
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
    """Return a mask (B, 1, H, W) of 0 and 1 dilated by a disc of the given radius in pixels."""
    across = torch.arange(-radius, radius + 1, device=mask.device) ** 2
    disc = (across[:, None] + across <= radius**2).to(mask)
    return (conv2d(mask, disc[None, None], padding=radius) > 0.5).to(mask)  # counts, possibly with rounding errors


def largest_component(mask: Tensor) -> Tensor:
    """Return the largest component of each mask (B, 1, H, W) of 0 and 1; an empty one stays empty."""
    return _per_plane(mask, _largest)


def without_holes(mask: Tensor) -> Tensor:
    """Return each mask (B, 1, H, W) of 0 and 1 with its holes filled."""
    return _per_plane(mask, binary_fill_holes)


def _per_plane(mask: Tensor, change: Callable[[Plane], Plane]) -> Tensor:
    """Apply a function to each mask on the CPU: a winding component would take a GPU hundreds of steps."""
    planes = [change(plane) for plane in (mask[:, 0] > 0).cpu().numpy()]
    return torch.from_numpy(np.stack(planes))[:, None].to(mask)


def _largest(mask: Plane) -> Plane:
    numbered, _ = label(mask, CORNERS_TOUCH)
    size = np.bincount(numbered.ravel())
    size[0] = 0  # the background
    return mask & (numbered == size.argmax())
