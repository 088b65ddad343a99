"""What masks a network is given when it is judged: none, the true ones, predicted ones, another image's, or parts."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dermoscopy.contracts import Batch, DataModule
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.zeroing import over_pixels

GRID = 8  # cells a side of what is revealed in parts
SHARES = {f"revealed_{percent}": percent / 100 for percent in range(10, 100, 10)}
SOURCES = ("given", "predicted")  # what training may read
CONDITIONS = ("none", *SOURCES, "shuffled", *SHARES)
Masks = Callable[[Batch], Tensor | None]


def check_predicted(masks: str, argument: str, data: DataModule) -> None:
    """Raise ValueError if masks are to be predicted ones and the data have none.

    Args:
        masks: a mask condition, or which masks training reads.
        argument: of the task, that says so.
        data: of the task.
    """
    if masks == "predicted" and data.predicted is None:
        raise ValueError(
            f"the task's {argument} is predicted, but the data have no predicted masks: give datamodule.predicted a "
            "file, or an experiment whose folds have predicted them, such as folds after "
            "`python train.py +experiment=folds -m`"
        )


def masks_at(condition: str, data: DataModule) -> Masks:
    """Return what gives a batch of the test subset its masks (B, K, H, W); None is all unknown.

    Every run sees the same cells and the same strangers' masks, so that runs can be compared image by image.
    """
    if condition == "none":
        return lambda _: None
    if condition == "given":
        return lambda batch: batch["mask"]
    if condition == "predicted":
        return lambda batch: batch["predicted"]
    if condition == "shuffled":
        return _of_strangers(data)
    return _in_parts(SHARES[condition], data)


def _of_strangers(data: DataModule) -> Masks:
    """Each image gets the masks of the next one of the test subset, in an order drawn once."""
    rows = data.rows("test")
    order = rows[torch.randperm(len(rows), generator=generator("shuffled"))]
    partner = torch.empty(int(rows.max()) + 1, dtype=torch.long)
    partner[order] = order.roll(1)
    return lambda batch: data.masks_of(partner[batch["index"].cpu()]).to(batch["mask"].device)


def _in_parts(share: float, data: DataModule) -> Masks:
    """A cell that a smaller share shows, a larger one shows as well."""
    drawn = torch.rand(len(data.store), 1, GRID, GRID, generator=generator("revealed"))

    def masks(batch: Batch) -> Tensor:
        mask = batch["mask"]
        shown = drawn[batch["index"].cpu()].to(mask.device) < share
        return mask * over_pixels(shown, *mask.shape[2:])

    return masks


def takes_masks(network: nn.Module) -> bool:
    """Tell whether a network of labels takes (image, mask), or an image alone.

    Raises:
        ValueError: it takes neither.
    """
    signature = inspect.signature(network.forward)
    try:
        signature.bind("image", "mask")
    except TypeError:
        try:
            signature.bind("image")
        except TypeError as error:
            kind = type(network).__name__
            raise ValueError(f"a network of labels takes image and mask, {kind} does not: {error}") from None
        return False
    return True
