"""Batches of store rows: in order, or for training reshuffled each epoch, with negatives redrawn."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from dermoscopy.contracts import Batch
from dermoscopy.data.batches.balance import BalancedChoice
from dermoscopy.data.batches.negatives import Choice
from dermoscopy.machine.randomness import derive, generator

Gather = Callable[[Tensor], Batch]


class Batches:
    """Batches of store rows in order; the last one may be smaller."""

    def __init__(self, gather: Gather, rows: Tensor, batch_size: int) -> None:
        self.gather, self.rows, self.batch_size = gather, rows, batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.gather, self.rows.split(self.batch_size))


def batch_sizes(images: int, batch_size: int) -> list[int]:
    """Return the number of images in each training batch of an epoch of at least one image.

    A remainder of at most half a batch is joined to the batch before it: as a batch of its own it would move the
    weights as far as any other, by a gradient and batch statistics of a few images. So the last batch has up to 1.5
    `batch_size` images, and a single one only where `images` or `batch_size` is 1.
    """
    whole, remainder = divmod(images, batch_size)
    if whole and 2 * remainder <= batch_size:
        return [batch_size] * (whole - 1) + [batch_size + remainder]
    return [batch_size] * whole + [remainder]


class TrainingBatches:
    """Batches in an order determined by seed and epoch; each carries the seed of its augmentation.

    Args:
        gather: function from store rows to a batch.
        choice: the rows of an epoch.
        batch_size: images per batch; those of the last one differ, see `batch_sizes`.
        seed: seed of everything random.
        epoch: function that returns the number of the epoch that begins.
    """

    def __init__(
        self, gather: Gather, choice: Choice | BalancedChoice, batch_size: int, seed: int, epoch: Callable[[], int]
    ) -> None:
        self.gather, self.choice, self.batch_size, self.images = gather, choice, batch_size, len(choice)
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        return len(batch_sizes(self.images, self.batch_size))

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch()
        rows = self.choice.draw(generator(self.seed, "negatives", epoch))
        rows = rows[torch.randperm(len(rows), generator=generator(self.seed, "order", epoch))]
        for step, chosen in enumerate(rows.split(batch_sizes(len(rows), self.batch_size))):
            yield self.gather(chosen) | {"draw": derive(self.seed, "augment", epoch, step)}
