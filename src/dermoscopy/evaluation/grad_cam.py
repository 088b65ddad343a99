"""Where a classifier finds its evidence (Grad-CAM), and how much it reads from each of its masks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dermoscopy.contracts.networks import MapNetwork, PartialView
from dermoscopy.masks.conditions import takes_masks


class Unexplained(ValueError):
    """A network that offers no feature maps to look at."""


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and each of its modules back into its own."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def grad_cam(network: nn.Module, image: Tensor, mask: Tensor | None, label: int) -> tuple[Tensor, tuple[int, int]]:
    """Return where the evidence for a label lies, (B, H, W) in 0 ... 1, and the height and width of the maps below it.

    Only what speaks for the label is seen. Each image is divided by its own maximum: how much evidence there is does
    not show, but for none, which is 0 everywhere. Works under inference mode as well, and leaves no gradients.

    Args:
        network: of logits (B, L). A `MapNetwork` is looked at between its maps and its head, any other at the last
            maps of several cells that one of its modules returns. Of a `PartialView` the evidence is put where the part
            that it sees lies in the image.
        image, mask: normalised (B, 3, H, W), and (B, K, H, W) in -1, 0, +1; None is all unknown.
        label: position of the label.

    Raises:
        Unexplained: a network without such maps.

    Source: Selvaraju et al. (2017), Grad-CAM, equations 1 and 2.
    """
    with _evaluating(network), torch.inference_mode(False), torch.enable_grad():
        image, mask = image.clone(), None if mask is None else mask.clone()  # those of inference can have no gradient
        maps, logits = _looked_at(network, image, mask)  # A (B, C, h, w), y (B, L)
        (gradient,) = torch.autograd.grad(logits[:, label].sum(), maps)
        weight = gradient.float().mean((2, 3), keepdim=True)  # alpha (B, C, 1, 1)
        evidence = (weight * maps.detach().float()).sum(1, keepdim=True).relu()
        evidence = nn.functional.interpolate(evidence, image.shape[2:], mode="bilinear")
        if isinstance(network, PartialView):
            evidence = network.to_image_coordinates(evidence, image, mask)
    highest = evidence.amax((2, 3), keepdim=True)
    height, width = maps.shape[2:]
    return (evidence / highest.where(highest > 0, 1))[:, 0], (height, width)


def _looked_at(network: nn.Module, image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return feature maps (B, C, h, w), cut off from what made them, and the logits (B, L) made of them."""
    if not isinstance(network, MapNetwork):
        return _at_last_maps(network, image, mask)
    try:
        with torch.no_grad():
            maps = network.forward_maps(image, mask)
    except ValueError as error:  # of a backbone that has no maps
        raise Unexplained(error) from error
    if maps.ndim != 4:
        name = type(network).__name__
        raise Unexplained(f"the features of {name} are no maps (B, C, h, w), their shape is {tuple(maps.shape)}")
    maps = maps.clone().requires_grad_()
    return maps, network.forward_head(maps)


def _at_last_maps(network: nn.Module, image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the last maps of more than one cell that a module returns, cut off, and the logits made of them."""
    given = (image, mask) if takes_masks(network) else (image,)
    module = _last_with_maps(network, given)
    kept: list[Tensor] = []

    def cut(_module: nn.Module, _given: object, output: Tensor) -> Tensor:
        kept.append(output.detach().clone().requires_grad_())
        return kept[-1].clone()  # what follows may change it in place

    with module.register_forward_hook(cut):
        logits: Tensor = network(*given)
    return kept[-1], logits


def _last_with_maps(network: nn.Module, given: Sequence[Tensor | None]) -> nn.Module:
    """Return the module that returns the last maps; of several that return the same ones, the outermost."""
    found: list[nn.Module | None] = [None]

    def look(module: nn.Module, _given: object, output: object) -> None:
        if module is network or not isinstance(output, Tensor):
            return
        if output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
            found.append(module)
        elif output.ndim == 3:  # tokens: maps before them are not what the logits are made of
            found.append(None)

    handles = [module.register_forward_hook(look) for module in network.modules()]
    try:
        with torch.no_grad():
            network(*given)
    finally:
        for handle in handles:
            handle.remove()
    if (last := found[-1]) is None:
        raise Unexplained(f"{type(network).__name__} makes its logits of no maps (B, C, h, w) of several cells")
    return last


def mask_influence(network: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """Return by how much each given mask raises each logit, (B, K, L).

    It is the logit with all masks less that with this one unknown: what one mask adds to the others, so that of two
    masks that say the same neither need have any influence. That of a mask which is not given is 0. Of exclusive labels
    only differences between labels mean something: what raises all logits alike changes no probability.
    """
    hidden = (mask.index_fill(1, torch.tensor([k], device=mask.device), 0) for k in range(mask.shape[1]))
    with _evaluating(network), torch.no_grad():
        logits = torch.stack([network(image, masks).float() for masks in (mask, *hidden)], dim=1)  # (B, 1 + K, L)
    return logits[:, :1] - logits[:, 1:]


def influence_table(influence: NDArray[np.float32], masks: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """Return mean and sd of the influence over the images that have a mask; both are NaN where they are undefined.

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
