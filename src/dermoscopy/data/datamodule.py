"""Batches of images, masks and labels: the whole store in memory, one gather a batch, all else on the device."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor

from dermoscopy.data.augment import Augment
from dermoscopy.data.colour import apply_colour, normalisation
from dermoscopy.data.splits import SIDES, check
from dermoscopy.data.store import Store, open_store
from dermoscopy.masks import pack, unpack
from dermoscopy.randomness import generator
from dermoscopy.seeds import derive
from dermoscopy.suggest import nearest

Batch = dict[str, Any]  # tensors, and for training the integer seed of the augmentation
Split = Callable[..., NDArray[np.str_]]


class Batches:
    """Batches of store rows, in the order of ``rows`` or shuffled anew each epoch; the last one may be smaller."""

    def __init__(self, data: "DermoscopyData", rows: Tensor, batch_size: int, shuffle: bool) -> None:
        self.data, self.rows, self.batch_size, self.shuffle = data, rows, batch_size, shuffle

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows
        if self.shuffle:
            order = generator(self.data.seed, "order", self.data.epoch)
            rows = rows[torch.randperm(len(rows), generator=order)]
        for step, chosen in enumerate(rows.split(self.batch_size)):
            batch = self.data.gather(chosen)
            if self.shuffle:  # a training batch carries the seed of its augmentation
                batch["draw"] = derive(self.data.seed, "augment", self.data.epoch, step)
            yield batch


class DermoscopyData(LightningDataModule):
    """A store, a split and an augmentation, as batches of the house's contract.

    A batch holds ``image`` (B, 3, H, W) normalised float, ``mask`` (B, K, H, W) in -1, 0, +1, ``label`` (B, L) float
    with NaN unknown, and ``index`` (B,), the row in the store.

    Args:
        store: the HDF5 file made by prepare.
        labels, masks: names of the L labels and K masks to use, out of those in the store.
        split: function of (ids, groups, labels, seed) that gives each image its side.
        split_seed: seed of the split.
        seed: seed of order and augmentation; a function of the run's seed and its stage.
        batch_size: images a training batch.
        eval_batch_size: images a validation or test batch.
        mean, std: normalisation of RGB in 0 ... 1.
        augment: for the training side only; None switches it off.
        memory: "memory" reads the store whole, "map" leaves it on disk, "auto" reads it if it takes less than half of
            the free memory.

    Raises:
        ValueError: a name that the store does not have, a split that leaks or leaves a class empty.
    """

    def __init__(
        self,
        store: str | Path,
        labels: Sequence[str],
        masks: Sequence[str],
        split: Split,
        split_seed: int,
        seed: int,
        batch_size: int,
        eval_batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augment: Augment | None = None,
        memory: str = "auto",
    ) -> None:
        super().__init__()
        if min(batch_size, eval_batch_size) < 1:
            raise ValueError(f"batch sizes must be at least 1, got {batch_size} and {eval_batch_size}")
        if memory not in ("auto", "memory", "map"):
            raise ValueError(f"data.memory must be auto, memory or map, got {memory!r}")
        self.store: Store = open_store(store)
        self.label_names, self.mask_names = tuple(labels), tuple(masks)
        columns = _positions(self.label_names, self.store.label_names, "label", store)
        self.channels = _positions(self.mask_names, self.store.mask_names, "mask", store)
        codes = self.store.label[:, columns]
        self.side = split(self.store.ids, self.store.groups, codes, split_seed)
        check(self.side, self.store.groups, codes, self.label_names)
        self.label = torch.from_numpy(np.where(codes < 0, np.nan, codes).astype(np.float32))
        self.seed, self.batch_size, self.eval_batch_size = seed, batch_size, eval_batch_size
        self.augment, self.memory = augment, memory
        self.normalise = normalisation(mean, std)
        self.images: Tensor | None = None
        self.masks: Tensor | None = None

    @property
    def epoch(self) -> int:
        """Epoch of the attached trainer, 0 without one."""
        return self.trainer.current_epoch if self.trainer else 0

    def setup(self, stage: str) -> None:
        if self.images is not None:
            return
        mapped = self.memory == "map" or (
            self.memory == "auto" and self.store.nbytes > psutil.virtual_memory().available // 2
        )
        images, masks = (_channels_first(array(mapped=mapped)) for array in (self.store.image, self.store.mask))
        if not mapped:  # channels first once and for all, and the masks asked for in one plane
            images = images.contiguous()
            masks = torch.cat([pack(part[:, self.channels]) for part in masks.split(256)])
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        if device.type == "cuda" and images.nbytes + masks.nbytes < torch.cuda.mem_get_info(device)[0] // 2:
            images, masks = images.to(device), masks.to(device)
        self.images, self.masks = images, masks

    def rows(self, side: str) -> Tensor:
        """Return the store rows of one side (train, val or test)."""
        return torch.from_numpy(np.flatnonzero(self.side == side))

    def labels_of(self, side: str) -> Tensor:
        """Return the labels (n, L) of one side, NaN unknown."""
        return self.label[self.rows(side)]

    def counts(self) -> dict[str, int]:
        """Return the number of images on each side."""
        return {side: int((self.side == side).sum()) for side in SIDES}

    def gather(self, rows: Tensor) -> Batch:
        """Copy store rows into a new batch: image uint8 (B, 3, H, W), masks packed into (B, 1, H, W), label, index."""
        assert self.images is not None and self.masks is not None, "setup comes first"
        there = rows.to(self.images.device)
        mask = self.masks[there]
        if mask.dtype == torch.uint8:  # a mapped store still has its masks one by one, also those nobody asked for
            mask = pack(mask[:, self.channels])
        image = self.images[there].contiguous()  # grid_sample is three times slower on channels-last
        return {"image": image, "mask": mask, "label": self.label[rows], "index": rows}

    def train_dataloader(self) -> Batches:
        return Batches(self, self.rows("train"), self.batch_size, shuffle=True)

    def val_dataloader(self) -> Batches:
        return Batches(self, self.rows("val"), self.eval_batch_size, shuffle=False)

    def test_dataloader(self) -> Batches:
        return Batches(self, self.rows("test"), self.eval_batch_size, shuffle=False)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return self.finish(batch)

    def finish(self, batch: Batch) -> Batch:
        """Turn a gathered batch into the contract's: augment a training batch, normalise once, unpack the masks."""
        image, code = batch["image"], batch["mask"]
        normalise = self.normalise.to(image.device)
        seed = batch.pop("draw", None)
        if seed is not None and self.augment is not None:
            image, code = self.augment(image, code, normalise, torch.Generator(image.device).manual_seed(seed))
        else:
            image = apply_colour(normalise, image.float())
        return batch | {"image": image, "mask": unpack(code, len(self.mask_names))}


def _positions(wanted: Sequence[str], there: Sequence[str], kind: str, store: str | Path) -> list[int]:
    for name in wanted:
        if name not in there:
            raise ValueError(f"{store} has no {kind} {name!r}, it has {list(there)}{nearest(name, there)}")
    return [list(there).index(name) for name in wanted]


def _channels_first(array: NDArray[np.uint8]) -> Tensor:
    """Return an (N, C, H, W) view of an (N, H, W, C) array."""
    return torch.from_numpy(array).permute(0, 3, 1, 2)
