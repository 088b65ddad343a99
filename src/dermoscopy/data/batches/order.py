"""Batches of store rows: in order, or for training reshuffled each epoch, with negatives redrawn."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from dermoscopy.contracts import Batch
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


class TrainingBatches:
    """Batches in an order determined by seed and epoch; each carries the seed of its augmentation.

    Args:
        gather: function from store rows to a batch.
        choice: the rows of an epoch.
        batch_size: images per batch; the last one may be smaller.
        seed: seed of everything random.
        epoch: function that returns the number of the epoch that begins.
    """

    def __init__(self, gather: Gather, choice: Choice, batch_size: int, seed: int, epoch: Callable[[], int]) -> None:
        self.gather, self.choice, self.batch_size, self.images = gather, choice, batch_size, len(choice)
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        return -(-self.images // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch()
        rows = self.choice.draw(generator(self.seed, "negatives", epoch))
        rows = rows[torch.randperm(len(rows), generator=generator(self.seed, "order", epoch))]
        for step, chosen in enumerate(rows.split(self.batch_size)):
            yield self.gather(chosen) | {"draw": derive(self.seed, "augment", epoch, step)}
