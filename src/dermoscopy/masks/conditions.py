"""Mask conditions: the masks a network receives at evaluation (none, given, predicted, shuffled, revealed_10..90)."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dermoscopy.contracts import Batch, DataModule
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.zeroing import over_pixels

GRID = 8  # cells per side of the grid for partially revealed masks
SHARES = {f"revealed_{percent}": percent / 100 for percent in range(10, 100, 10)}
SOURCES = ("given", "predicted")  # masks that training may read
CONDITIONS = ("none", *SOURCES, "shuffled", *SHARES)
Masks = Callable[[Batch], Tensor | None]


def check_predicted(masks: str, argument: str, data: DataModule) -> None:
    """Raise ValueError if predicted masks are required and the data have none.

    Args:
        masks: a mask condition, or the source of the masks in training.
        argument: the task's argument with this value, for the error message.
        data: the task's data module.
    """
    if masks == "predicted" and data.predicted is None:
        raise ValueError(
            f"the task's {argument} is predicted, but the data have no predicted masks: set datamodule.predicted to "
            "a file, or to an experiment whose folds predicted them, such as folds after "
            "`python train.py +experiment=folds -m`"
        )


def masks_at(condition: str, data: DataModule) -> Masks:
    """Return the function from a test batch to its masks (B, K, H, W) under a condition; None is all unknown.

    Every run gets the same revealed cells and the same shuffled masks, so that runs can be compared image by image.
    """
    if condition == "none":
        return lambda _: None
    if condition == "given":
        return lambda batch: batch["mask"]
    if condition == "predicted":
        return lambda batch: batch["predicted"]
    if condition == "shuffled":
        return _shuffled(data)
    return _revealed(SHARES[condition], data)


def _shuffled(data: DataModule) -> Masks:
    """Return each image's shuffled masks: those of the next test image in a random order drawn once."""
    rows = data.rows("test")
    order = rows[torch.randperm(len(rows), generator=generator("shuffled"))]
    partner = torch.empty(int(rows.max()) + 1, dtype=torch.long)
    partner[order] = order.roll(1)
    return lambda batch: data.masks_of(partner[batch["index"].cpu()]).to(batch["mask"].device)


def _revealed(share: float, data: DataModule) -> Masks:
    """Return partially revealed masks; the cells of a smaller share are a subset of those of a larger one."""
    drawn = torch.rand(len(data.store), 1, GRID, GRID, generator=generator("revealed"))

    def masks(batch: Batch) -> Tensor:
        mask = batch["mask"]
        revealed = drawn[batch["index"].cpu()].to(mask.device) < share
        return mask * over_pixels(revealed, *mask.shape[2:])

    return masks


def takes_masks(network: nn.Module) -> bool:
    """Return whether a label network takes (image, mask) rather than an image alone.

    Raises:
        ValueError: the network takes neither.
    """
    signature = inspect.signature(network.forward)
    try:
        signature.bind("image", "mask")
    except TypeError:
        try:
            signature.bind("image")
        except TypeError as error:
            kind = type(network).__name__
            raise ValueError(
                f"a label network must take image and mask, or an image; {kind} takes neither: {error}"
            ) from None
        return False
    return True
