"""Explanations of a classifier's logits: Grad-CAM heatmaps, and the influence of each input mask."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dermoscopy.contracts.networks import MapNetwork, PartialView
from dermoscopy.masks.conditions import takes_masks


class NoFeatureMaps(ValueError):
    """Error for a network without feature maps for Grad-CAM."""


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and restore the mode of each of its modules afterwards."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def grad_cam(network: nn.Module, image: Tensor, mask: Tensor | None, label: int) -> tuple[Tensor, tuple[int, int]]:
    """Return Grad-CAM heatmaps (B, H, W) in 0 ... 1 for a label, and the height and width of the feature maps.

    Only positive contributions to the label are kept. Each heatmap is divided by its own maximum, so heatmaps do not
    compare between images; one without any contribution is 0. Works in inference mode as well, leaves no gradients.

    Args:
        network: returns logits (B, L). The feature maps are those between maps and head of a `MapNetwork`, else, or
            if these have a single cell as of small images, the last maps of several cells that a module returns. For a
            `PartialView` the heatmap is placed where the part that the network reads lies in the image.
        image, mask: normalised (B, 3, H, W), and (B, K, H, W) in -1, 0, +1; None: all unknown.
        label: index of the label.

    Raises:
        NoFeatureMaps: the network has no such maps.

    Source: Selvaraju et al. (2017), Grad-CAM, equations 1 and 2.
    """
    with _evaluating(network), torch.inference_mode(False), torch.enable_grad():
        image, mask = image.clone(), None if mask is None else mask.clone()  # inference tensors have no gradient
        maps, logits = _maps_and_logits(network, image, mask)  # A (B, C, h, w), y (B, L)
        (gradient,) = torch.autograd.grad(logits[:, label].sum(), maps)
        weight = gradient.float().mean((2, 3), keepdim=True)  # alpha (B, C, 1, 1)
        heatmap = (weight * maps.detach().float()).sum(1, keepdim=True).relu()
        heatmap = nn.functional.interpolate(heatmap, image.shape[2:], mode="bilinear")
        if isinstance(network, PartialView):
            heatmap = network.to_image_coordinates(heatmap, image, mask)
    highest = heatmap.amax((2, 3), keepdim=True)
    height, width = maps.shape[2:]
    return (heatmap / highest.where(highest > 0, 1))[:, 0], (height, width)


def _maps_and_logits(network: nn.Module, image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return feature maps (B, C, h, w), detached from the layers before them, and their logits (B, L)."""
    if not isinstance(network, MapNetwork):
        return _at_last_maps(network, image, mask)
    try:
        with torch.no_grad():
            maps = network.forward_maps(image, mask)
    except ValueError as error:  # a backbone without maps
        raise NoFeatureMaps(error) from error
    if maps.ndim != 4:
        name = type(network).__name__
        raise NoFeatureMaps(f"the features of {name} are not maps (B, C, h, w), their shape is {tuple(maps.shape)}")
    if maps.shape[2] * maps.shape[3] == 1:  # would say nothing about where
        return _at_last_maps(network, image, mask)
    maps = maps.clone().requires_grad_()
    return maps, network.forward_head(maps)


def _at_last_maps(network: nn.Module, image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the last maps of more than one cell that a module returns, detached, and their logits."""
    inputs = (image, mask) if takes_masks(network) else (image,)
    module = _last_with_maps(network, inputs)
    kept: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        kept.append(output.detach().clone().requires_grad_())
        return kept[-1].clone()  # later modules may change it in place

    with module.register_forward_hook(cut):
        logits: Tensor = network(*inputs)
    return kept[-1], logits


def _last_with_maps(network: nn.Module, inputs: Sequence[Tensor | None]) -> nn.Module:
    """Return the module whose output is the last maps; of several with the same output, the outermost."""
    candidates: list[nn.Module | None] = [None]

    def record(module: nn.Module, _inputs: object, output: object) -> None:
        if module is network or not isinstance(output, Tensor):
            return
        if output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
            candidates.append(module)
        elif output.ndim == 3:  # tokens: the logits do not come from maps before them
            candidates.append(None)

    handles = [module.register_forward_hook(record) for module in network.modules()]
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    if (last := candidates[-1]) is None:
        raise NoFeatureMaps(f"{type(network).__name__} has no maps (B, C, h, w) of several cells before its logits")
    return last


def mask_influence(network: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """Return by how much each mask raises each logit, (B, K, L).

    The influence is the logit with all masks minus the logit with this mask unknown: the contribution of one mask in
    addition to the others, so two redundant masks may both have none. It is 0 for an unknown mask. For exclusive
    labels only differences between labels are meaningful: raising all logits alike changes no probability.
    """
    hidden = (mask.index_fill(1, torch.tensor([k], device=mask.device), 0) for k in range(mask.shape[1]))
    with _evaluating(network), torch.no_grad():
        logits = torch.stack([network(image, masks).float() for masks in (mask, *hidden)], dim=1)  # (B, 1 + K, L)
    return logits[:, :1] - logits[:, 1:]


def influence_table(influence: NDArray[np.float32], masks: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """Return mean and sd of the influence over the images that have a mask, NaN where undefined.

    Args:
        influence: (N, K, L) of `mask_influence`, NaN where an image lacks the mask.
        masks, labels: their names.
    """
    values = pd.DataFrame(
        influence.reshape(len(influence), -1),
        columns=pd.MultiIndex.from_product([masks, labels], names=["mask", "label"]),
    )
    return (
        values.agg(["mean", "std", "count"])
        .T.set_axis(["mean", "sd", "images"], axis=1)
        .astype({"images": int})
        .reset_index()
    )
