"""Geometry of augmentation: the source position of each pixel of a warped image, for a whole batch.

Coordinates are those of `affine_grid`: the centre is 0 and half the side is 1.
"""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

PADDING = {"constant": "zeros", "border": "border", "reflection": "reflection"}


def sampling_grid(matrix: Tensor, height: int, width: int, tilt: Tensor | None = None) -> Tensor:
    """Return the grid of `affine_grid` for affine maps (B, 2, 3), as a sum of rows and columns, which is far cheaper.

    With `tilt` (B, 2), the lower row (g, h, 1) of a homography, each point is divided by 1 + g x + h y.
    """
    x = (2 * torch.arange(width, device=matrix.device) + 1) / width - 1  # centres of the pixels, in -1 ... 1
    y = (2 * torch.arange(height, device=matrix.device) + 1) / height - 1
    rows = (matrix[:, :, 1, None] * y + matrix[:, :, 2, None]).transpose(1, 2)  # (B, H, 2)
    columns = (matrix[:, :, 0, None] * x).transpose(1, 2).contiguous()  # (B, W, 2)
    grid = rows[:, :, None] + columns[:, None]
    if tilt is None:
        return grid
    depth = (1 + tilt[:, 1, None] * y)[:, :, None] + (tilt[:, 0, None] * x)[:, None]  # (B, H, W)
    return grid.div_(depth[..., None])


def within_box(matrix: Tensor, tilt: Tensor, box: Tensor) -> Tensor:
    """Return the affine maps (B, 2, 3) that show a box where the given ones show the whole frame, under the same tilt.

    A point (A p + t) / (1 + g x + h y) of the frame becomes c + s times it, with the centre c and half the side s of
    the box (B, 2, 2): (s A p + s t + c (g x + h y + 1)) / (1 + g x + h y).
    """
    centre, half = box.unbind(1)  # (B, 2)
    depth = torch.cat([tilt, torch.ones_like(tilt[:, :1])], 1)  # (g, h, 1)
    return half[:, :, None] * matrix + centre[:, :, None] * depth[:, None]


def warp(image: Tensor, code: Tensor, grid: Tensor, padding: str) -> tuple[Tensor, Tensor]:
    """Move images (B, 3, H, W) and packed masks (B, 1, H, W), both float, by a sampling grid (B, H, W, 2).

    Images are interpolated, packed masks take the nearest pixel.
    """
    mode = PADDING[padding]
    return (
        grid_sample(image, grid, mode="bilinear", padding_mode=mode, align_corners=False),
        grid_sample(code, grid, mode="nearest", padding_mode=mode, align_corners=False),
    )


def steepest_tilt(perspective: float) -> float:
    """Return the largest g and h at which no corner moves by more than `perspective`, a share of the side.

    A corner lies 1 from the centre and moves to 1 / (1 - 2 g), that is by 2 g / (1 - 2 g) halves of the side.
    """
    return perspective / (1 + 2 * perspective)
