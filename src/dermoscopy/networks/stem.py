"""Stem: the first convolution of a timm backbone, and its replacement that also reads masks."""

from collections.abc import Mapping
from typing import Any

import timm
from timm.layers import Conv2dSame, ScaledStdConv2dSame, StdConv2dSame
from torch import Tensor, nn


class Stem(nn.Module):
    """First convolution of a backbone with extra input channels for masks, whose filters start at zero.

    The RGB filters are kept, so that with unknown masks (0) the output equals that of the RGB network; repeating the
    RGB filters for the masks, as timm and smp do, would weaken the image instead. The mask filters pad like the RGB
    filters; they are not standardised where those are, as filters of zeros have no scale.
    """

    def __init__(self, rgb: nn.Conv2d, masks: int) -> None:
        super().__init__()
        self.rgb = rgb
        kind = Conv2dSame if _pads_dynamically(rgb) else nn.Conv2d
        self.masks = kind(
            masks,
            rgb.out_channels,
            kernel_size=rgb.kernel_size,  # type: ignore[arg-type]
            stride=rgb.stride,  # type: ignore[arg-type]
            padding=rgb.padding,  # type: ignore[arg-type]
            dilation=rgb.dilation,  # type: ignore[arg-type]
            bias=False,
        )
        nn.init.zeros_(self.masks.weight)

    def forward(self, x: Tensor) -> Tensor:
        image, mask = x[:, :3], x[:, 3:]
        if mask.shape[1] == 0:  # without masks: the same as all unknown, and cheaper
            return self.rgb(image)
        return self.rgb(image) + self.masks(mask)


def _pads_dynamically(rgb: nn.Conv2d) -> bool:
    """Return whether a convolution pads by the size of its input, as TensorFlow does; its `padding` is then 0."""
    return isinstance(rgb, Conv2dSame) or (isinstance(rgb, StdConv2dSame | ScaledStdConv2dSame) and rgb.same_pad)


def stem_name(backbone: nn.Module, name: str) -> str:
    """Return the name of the first convolution of a timm model.

    Where the description of a model on the hub does not name it, it is that of timm's own architecture.

    Raises:
        ValueError: there is none, or more than one.
    """
    description: Mapping[str, Any] = backbone.pretrained_cfg  # type: ignore[assignment]  # timm's
    own = timm.get_pretrained_cfg(str(description.get("architecture")))
    stem = description.get("first_conv") or (own and own.first_conv)
    if not isinstance(stem, str):
        raise ValueError(f"backbone {name!r} has no single first convolution: choose another backbone")
    return stem


def widen_stem(backbone: nn.Module, stem: str, masks: int, name: str) -> None:
    """Replace the first convolution by a `Stem` with `masks` additional channels.

    Raises:
        ValueError: the first convolution is no plain convolution over RGB.
    """
    rgb = backbone.get_submodule(stem)
    if not isinstance(rgb, nn.Conv2d) or rgb.in_channels != 3 or rgb.groups != 1:
        raise ValueError(f"backbone {name!r} does not begin with a convolution over RGB: choose another backbone")
    parent, _, child = stem.rpartition(".")
    setattr(backbone.get_submodule(parent), child, Stem(rgb, masks))
