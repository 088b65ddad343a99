"""Gaussian blur on the device: of images that are augmented, and of what a mask is to hide."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

REACH = 3  # standard deviations after which a Gaussian is cut off
NARROWEST = 1e-2  # pixels; so narrow a Gaussian is the identity, to the last bit


def gaussian_blur(image: Tensor, sigma: Tensor, widest: float) -> Tensor:
    """Blur float images (B, C, H, W), each by its own Gaussian; the border continues.

    Args:
        image: any number of channels.
        sigma: standard deviations (B,), pixels.
        widest: the largest that `sigma` can be: it decides the size of the kernel, so that no value is read from
            the device.
    """
    radius = math.ceil(REACH * widest)
    distance = torch.arange(-radius, radius + 1, device=image.device)
    weight = torch.exp(-((distance / sigma.clamp(min=NARROWEST)[:, None]) ** 2) / 2).to(image)
    weight = (weight / weight.sum(1, keepdim=True)).repeat_interleave(image.shape[1], 0)  # (B C, 2 radius + 1)
    planes = image.reshape(1, -1, *image.shape[2:])  # every plane is a channel of one image, with a kernel of its own
    padded = pad(planes, (radius,) * 4, mode="replicate")
    across = conv2d(padded, weight[:, None, None], groups=len(weight))
    return conv2d(across, weight[:, None, :, None], groups=len(weight)).view_as(image)
