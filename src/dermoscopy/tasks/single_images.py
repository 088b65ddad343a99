"""Batches of one image, by whose single value a normalisation layer cannot normalise, found before training."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor

from dermoscopy.contracts import TrainingLoader

if TYPE_CHECKING:
    from dermoscopy.tasks.base import Task

TOO_FEW = "more than 1"  # in the messages of torch's BatchNorm and InstanceNorm in training
TOO_SMALL = ("Kernel size can't be greater", "Output size is too small")  # in those of its pooling and convolutions


@contextmanager
def explained(
    image: Tensor, remedy: str = "choose a larger data.size, or a larger datamodule.batch_size"
) -> Iterator[None]:
    """Explain the errors of layers that a batch of images (B, 3, H, W) is too small for.

    Raises:
        ValueError: the block failed by such an error; the message ends with the remedy.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:
        count, height, width = len(image), *image.shape[-2:]
        if isinstance(error, ValueError) and TOO_FEW in str(error):
            images = f"{count} image{'s' * (count > 1)} of {height} x {width} px"
            raise ValueError(f"a batch of {images} leaves a layer one value to normalise by: {remedy}") from error
        if any(text in str(error) for text in TOO_SMALL):
            raise ValueError(
                f"the network cannot read images of {height} x {width} px: choose a larger data.size ({error})"
            ) from error
        raise


def try_single_image(task: Task) -> None:
    """Run one training step on a single image if the epochs will have such a batch; leave no trace in the task.

    Raises:
        ValueError: the network cannot be trained on a single image; the message names a batch size that leaves none.
    """
    loader, trainer = task.trainer.train_dataloader, task.trainer
    if not isinstance(loader, TrainingLoader):  # of a user's data module
        return
    if loader.images > 1 and loader.batch_size > 1:
        return
    data, network = task.data, task.network
    with isolate_rng(include_cuda=task.device.type == "cuda"), torch.no_grad():
        batch = trainer.strategy.batch_to_device(data.gather(data.rows("train")[:1], training=True))
        task.network = copy.deepcopy(network)  # whose statistics change
        try:
            with trainer.precision_plugin.train_step_context(), explained(batch["image"], _remedy(loader.images)):
                task.training_loss(batch, 0)
        finally:
            task.network = network
            task._forget()


def _remedy(images: int) -> str:
    if images == 1:
        return "train on more than one image"
    return "set datamodule.batch_size=2 or more, or choose a larger data.size"
