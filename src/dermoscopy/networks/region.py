"""Region: from a mask to the part of the image that is used, in plain torch, for a whole batch on its own device."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

STEPS = 8  # of a flood between two looks at whether it still spreads: each look waits for the device


class Region(nn.Module):
    """The largest component of a mask, widened, without holes; whatever is off leaves the mask as it is.

    Pixels that touch at a side or a corner are one component (8 neighbours). A hole is background from which no way
    over sides alone (4 neighbours) leads out of the image. Holes are filled last: those that widening makes, too.

    Args:
        dilate: radius of the disc by which the mask is widened, a share of the image's shorter side; 0 is none.
        largest: keep the largest component alone; of several as large, the one that reaches lowest.
        fill: fill the holes.

    Raises:
        ValueError: dilate outside [0, 1).
    """

    def __init__(self, dilate: float, largest: bool, fill: bool) -> None:
        super().__init__()
        if not 0 <= dilate < 1:
            raise ValueError(f"network.region.dilate is a share of the shorter side, in [0, 1), got {dilate}")
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
    within = mask.flatten(1) > 0  # (B, H W)
    number = torch.arange(1, within.shape[1] + 1, device=mask.device, dtype=torch.float32)  # exact up to 4096 x 4096 px
    seed = (number * within).view_as(mask)
    label = _flood(seed, within.view_as(mask).to(seed), corners=True).flatten(1).long()  # 0 outside
    size = within.new_zeros(len(mask), within.shape[1] + 1, dtype=torch.long).scatter_add_(1, label, within.long())
    size = size.gather(1, label)
    label = label * (size == size.amax(1, keepdim=True))
    return ((label == label.amax(1, keepdim=True)) & within).view_as(mask).to(mask)


def without_holes(mask: Tensor) -> Tensor:
    """Return each mask (B, 1, H, W) of 0 and 1 with its holes filled."""
    background = 1 - mask
    border = torch.ones_like(mask)
    border[..., 1:-1, 1:-1] = 0
    return 1 - _flood(border * background, background, corners=False)


def _flood(seed: Tensor, within: Tensor, corners: bool) -> Tensor:
    """Spread the highest values of ``seed`` over all that they reach ``within`` (0 or 1), till nothing changes."""
    while True:
        before = seed
        for _ in range(STEPS):
            rows = _highest(seed, -1)
            seed = within * (_highest(rows, -2) if corners else torch.maximum(rows, _highest(seed, -2)))
        if torch.equal(seed, before):
            return seed


def _highest(value: Tensor, axis: int) -> Tensor:
    """Max-pooling over three neighbours along an axis; on a CPU several times as fast as torch's own."""
    higher, end = value.clone(), value.shape[axis] - 1
    for here, there in ((0, 1), (1, 0)):
        part = higher.narrow(axis, here, end)
        torch.maximum(part, value.narrow(axis, there, end), out=part)
    return higher
