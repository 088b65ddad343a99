"""Colour maps: affine changes of RGB as matrices (3, 4), so that several compose into one."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def normalisation(mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return the colour map (3, 4) that normalises RGB in 0 ... 255; `mean` and `std` refer to RGB in 0 ... 1."""
    scale = 255 * torch.tensor(std)
    return torch.cat([torch.diag(1 / scale), -(torch.tensor(mean) / torch.tensor(std))[:, None]], 1)


def apply_colour(colour: Tensor, image: Tensor, out: Tensor | None = None) -> Tensor:
    """Apply colour maps (3, 4) or (B, 3, 4) to float images (B, 3, H, W), into `out` if given."""
    linear, offset = colour[..., :3], colour[..., 3:]
    moved = (linear @ image.flatten(2)).view_as(image)
    return torch.add(moved, offset[..., None], out=out)


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """Return the map that applies `inner` (B, 3, 4), then `outer` (3, 4)."""
    linear, offset = outer[:, :3], outer[:, 3:]
    return torch.cat([linear @ inner[..., :3], linear @ inner[..., 3:] + offset], dim=2)


def turn_about_grey(angle: Tensor, device: torch.device) -> Tensor:
    """Return the rotation of RGB about the grey axis by `angle` (B, 1, 1) radians (Rodrigues' formula), (B, 3, 3)."""
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]], device=device)
    return torch.eye(3, device=device) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
