"""Classifier: any timm backbone that may also read K mask channels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from dermoscopy.networks.weights import load_matching, read_weights
from dermoscopy.suggest import nearest


class Stem(nn.Module):
    """First convolution of a backbone with extra input channels for masks, whose filters start at zero.

    The RGB filters stay as they are, so with unknown masks (0) the output equals that of the RGB network; repeating
    the RGB filters for the masks, as timm and smp do, would weaken the image instead.
    """

    def __init__(self, rgb: nn.Conv2d, masks: int) -> None:
        super().__init__()
        self.rgb = rgb
        geometry: Any = (rgb.kernel_size, rgb.stride, rgb.padding, rgb.dilation, 1, False)  # one group, no bias
        self.masks = nn.Conv2d(masks, rgb.out_channels, *geometry)
        nn.init.zeros_(self.masks.weight)

    def forward(self, x: Tensor) -> Tensor:
        image, mask = x[:, :3], x[:, 3:]
        if mask.shape[1] == 0:  # no masks given: the same as all unknown, and cheaper
            return self.rgb(image)
        return self.rgb(image) + self.masks(mask)


class Classifier(nn.Module):
    """A timm backbone with L logits that reads an image and, if it has mask channels, its masks.

    Args:
        backbone: name of any timm model with a convolutional stem.
        labels: names of the L labels.
        masks: names of the K mask channels; empty for an image-only network.
        pretrained: start from timm's published weights (downloaded once).
        checkpoint: start from a file: a .safetensors or state_dict of the backbone, or a checkpoint of this project.
        dropout: rate before the last layer.

    Raises:
        ValueError: unknown backbone, a stem that is no convolution over RGB, weights that cannot be had or do not fit.
    """

    def __init__(
        self,
        backbone: str,
        labels: Sequence[str],
        masks: Sequence[str] = (),
        pretrained: bool = False,
        checkpoint: str | Path | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.labels, self.masks = tuple(labels), tuple(masks)
        self.backbone: Any = _create(backbone, len(labels), pretrained and checkpoint is None, dropout)
        stem = _stem_name(self.backbone, backbone)
        if masks:
            _replace(self.backbone, stem, Stem(_rgb_convolution(self.backbone, stem, backbone), len(masks)))
        if checkpoint is not None:
            head = self.backbone.pretrained_cfg.get("classifier") or "head"
            load_matching(
                self,
                read_weights(checkpoint),
                checkpoint,
                places=("backbone.", ""),
                heads=[f"backbone.{head}"],
                stem=f"backbone.{stem}",
            )

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return logits (B, L) of image (B, 3, H, W) and mask (B, K, H, W) in -1, 0, +1; None is all unknown."""
        if mask is None or not self.masks:
            return self.backbone(image)
        return self.backbone(torch.cat([image, mask], dim=1))


def _create(name: str, labels: int, pretrained: bool, dropout: float) -> Any:
    if not timm.is_model(name):
        raise ValueError(f"network.backbone {name!r} is not a timm model{nearest(name, timm.list_models())}")
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=labels, drop_rate=dropout)
    except Exception as error:
        if not pretrained:
            raise
        # The hub's client raises dozens of types; with pretrained=true all mean: the weights cannot be had.
        raise ValueError(
            f"pretrained weights of {name!r} cannot be had ({type(error).__name__}): set network.pretrained=false, "
            "or network.checkpoint=FILE with weights you have"
        ) from error


def _stem_name(backbone: Any, name: str) -> str:
    stem = backbone.pretrained_cfg.get("first_conv")
    if not isinstance(stem, str):
        raise ValueError(f"network.backbone {name!r} has no single first convolution: choose another backbone")
    return stem


def _rgb_convolution(backbone: nn.Module, stem: str, name: str) -> nn.Conv2d:
    module = backbone.get_submodule(stem)
    if not isinstance(module, nn.Conv2d) or module.in_channels != 3 or module.groups != 1:
        raise ValueError(
            f"network.backbone {name!r} does not begin with a convolution over RGB: choose another backbone"
        )
    return module


def _replace(module: nn.Module, path: str, new: nn.Module) -> None:
    parent, _, child = path.rpartition(".")
    setattr(module.get_submodule(parent), child, new)
