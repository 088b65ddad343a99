"""Mixing of the images of a training batch, with their masks and labels: mixup and CutMix."""

import math

import numpy as np
import torch
from torch import Tensor

from dermoscopy.contracts import Batch

Box = tuple[slice, slice]  # of rows and columns


class Mixing:
    """Mixing of each image of a batch with the one before it, by one share or one box per batch.

    A share s is drawn from Beta(a, a). Mixup blends: s of an image and 1 - s of its partner. CutMix pastes a box of the
    partner that has 1 - s of the area, centred anywhere and cut at the frame; s is then what is left of the image. With
    both, each batch is mixed by one of them, either with probability 1/2.

    Masks follow the image: pasted as they are, or blended as numbers of -1 ... 1, where an unknown mask is 0, so that a
    mask that only one of two images has keeps the sign of what is known, at its share. A label becomes the share of the
    mixture that has it. It is unknown if either label is: whatever the loss said of the mixture would be about an image
    whose label nobody knows.

    The draws depend on nothing but the seed, and nothing waits for the device.

    Args:
        mixup: parameter a of mixup, such as 0.2; 0: no mixup.
        cutmix: parameter a of CutMix, such as 1; 0: no CutMix.

    Raises:
        ValueError: a parameter is negative or not finite.

    Sources: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018; Yun et al., CutMix, 2019; one share per
    batch and the choice between the two as in timm (Wightman, `timm.data.mixup`).
    """

    def __init__(self, mixup: float, cutmix: float) -> None:
        for name, value in (("mixup", mixup), ("cutmix", cutmix)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is a parameter of a Beta distribution, at least 0 (0: off), got {value}")
        self.mixup, self.cutmix = mixup, cutmix

    @property
    def active(self) -> bool:
        """Whether anything is mixed."""
        return self.mixup > 0 or self.cutmix > 0

    def __call__(self, batch: Batch, seed: int) -> Batch:
        """Return the mixture of a batch; labels in 0 ... 1."""
        if not self.active:
            return batch
        draw = np.random.default_rng(seed)
        pasted = self.cutmix > 0 and (self.mixup == 0 or draw.random() < 0.5)
        parameter = self.cutmix if pasted else self.mixup
        share = draw.beta(parameter, parameter)
        height, width = batch["image"].shape[-2:]
        box = self._box(height, width, share, draw) if pasted else None
        mixed = batch.copy()
        mixed["image"], mixed["mask"] = _mix(batch["image"], share, box), _mix(batch["mask"], share, box)
        if "predicted" in batch:
            mixed["predicted"] = _mix(batch["predicted"], share, box)
        if box is not None:
            share = 1 - batch["image"][0, 0, *box].numel() / (height * width)
        mixed["label"] = _blend(batch["label"], share) if share < 1 else batch["label"]
        return mixed

    @staticmethod
    def _box(height: int, width: int, share: float, draw: np.random.Generator) -> Box:
        """Draw the box that is pasted, whose sides are sqrt(1 - share) of the image's before it is cut at the frame."""
        part = math.sqrt(1 - share)
        sides = ((side, draw.random() * side, part * side / 2) for side in (height, width))
        rows, columns = (slice(max(round(at - half), 0), min(round(at + half), side)) for side, at, half in sides)
        return rows, columns


def _mix(planes: Tensor, share: float, box: Box | None) -> Tensor:
    """Return planes (B, C, H, W) mixed with those of the partners: blended, or with a box of theirs."""
    if box is None:
        return _blend(planes, share)
    mixed = planes.clone()
    mixed[:, :, *box] = planes[:, :, *box].roll(1, 0)
    return mixed


def _blend(values: Tensor, share: float) -> Tensor:
    """Return a share of the values (B, ...) and the rest of the partners'; where both are equal, exactly these."""
    return torch.lerp(values.roll(1, 0), values, share)


def unmixed(label: Tensor) -> Tensor:
    """Return labels (N, L) in which those that two mixed images do not share are NaN, unknown."""
    return label.masked_fill((label != 0) & (label != 1), torch.nan)
