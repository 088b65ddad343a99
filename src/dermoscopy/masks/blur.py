"""Gaussian blur on the device, for augmentation and for hiding the region of a mask."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

REACH = 3  # standard deviations at which the Gaussian is truncated
NARROWEST = 1e-2  # pixels; a Gaussian this narrow is exactly the identity


def gaussian_blur(image: Tensor, sigma: Tensor, widest: float) -> Tensor:
    """Blur float images (B, C, H, W), each with its own Gaussian; the border is replicated.

    Args:
        image: images with any number of channels.
        sigma: standard deviations (B,), pixels.
        widest: upper bound of `sigma`; it determines the kernel size without reading a value from the device.
    """
    radius = math.ceil(REACH * widest)
    distance = torch.arange(-radius, radius + 1, device=image.device)
    weight = torch.exp(-((distance / sigma.clamp(min=NARROWEST)[:, None]) ** 2) / 2).to(image)
    weight = (weight / weight.sum(1, keepdim=True)).repeat_interleave(image.shape[1], 0)  # (B C, 2 radius + 1)
    planes = image.reshape(1, -1, *image.shape[2:])  # every plane is a channel of one image, with its own kernel
    padded = pad(planes, (radius,) * 4, mode="replicate")
    across = conv2d(padded, weight[:, None, None], groups=len(weight))
    return conv2d(across, weight[:, None, :, None], groups=len(weight)).view_as(image)
