"""Batches of images, masks and labels: the store in memory, one gather per batch, all else on the device."""

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from dermoscopy.data.augment.augment import Augment
from dermoscopy.data.augment.colour import apply_colour, normalisation
from dermoscopy.data.batches import mask_statistics
from dermoscopy.data.batches.arguments import check_counts, check_normalisation, positions
from dermoscopy.data.batches.balance import BalancedChoice, checked_balance
from dermoscopy.data.batches.negatives import Choice, all_rows, checked_negatives, choose, with_positives
from dermoscopy.data.batches.order import Batch, Batches, TrainingBatches
from dermoscopy.data.batches.padding import Padding
from dermoscopy.data.batches.pixels import Pixels
from dermoscopy.data.batches.predicted import PredictedMaskRows
from dermoscopy.data.batches.subsets import Split, subsets
from dermoscopy.data.label_leakage import leaking_masks
from dermoscopy.data.split_files import write_split
from dermoscopy.data.splits import EVERY_SUBSET, HOLDOUT, check
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.messages import nearest
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.encoding import unpack


class DermoscopyData(LightningDataModule):
    """Lightning data module: batches from a store, a split and an augmentation.

    A batch holds `image` (B, 3, H, W) normalised float, `mask` (B, K, H, W) in -1, 0, +1, `label` (B, L) float
    (NaN for unknown) and `index` (B,), the row in the store. With predicted masks it also holds `predicted`
    (B, K, H, W): the same masks in the same order, -1 or +1, 0 outside the image, augmented like the true masks.

    Args:
        store: the HDF5 file made by prepare.
        labels, masks: names of the L labels and K masks to use, from those in the store; either may be empty or None.
        split: function of (ids, groups, labels, seed) that assigns each image to a subset.
        split_seed: seed of the split.
        seed: seed of the order and the augmentation, derived from the run's seed and its stage.
        batch_size: images per training batch; the last one of an epoch may have up to half more.
        eval_batch_size: images per validation or test batch.
        mean, std: normalisation of RGB in 0 ... 1.
        augment: augmentation of the training subset; None switches it off.
        memory, reduce: see `Pixels`.
        stratify: names of the store's labels by which the split is stratified; None: `labels` or, without any, those
            that have the names of `masks`. The same names have the same folds, whatever is trained.
        negatives: number of training images without any of the masks: None or "real" for all there are, "none", or a
            number per positive, redrawn each epoch. val_negatives: the same for validation, drawn once.
        balance: power by which an epoch has rare labels more often than they are, see `image_weights`; of masks where
            there are no labels. 0: each image once; 1: classes alike. The number of images stays the same.
        train_images: number of training images that are used, the first ones by id; None: all.
        padding: content of the padded part of an image in training, where the store has fit=pad: constant (black),
            border or reflection. eval_padding: the same in validation and test. Masks stay unknown there.
        mirror_truth: fill the padded part of the masks as well, so that made-up pixels count in losses and scores: a
            mistake whose effect is to be measured.
        predicted: file of the out-of-fold masks that a segmentation predicted for every image; None: none.
        mask_threshold: probability above which a pixel belongs to a predicted mask.

    Raises:
        FileNotFoundError: the store or the file of predicted masks does not exist.
        ValueError: the store lacks a name, the split leaks or lacks a class, a value or a mask does not fit.
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
        augment: Augment | None,
        memory: str,
        stratify: Sequence[str] | None,
        negatives: str | float | None,
        val_negatives: str | float | None,
        padding: str,
        eval_padding: str,
        mirror_truth: bool,
        reduce: int,
        train_images: int | None,
        predicted: str | Path | None,
        mask_threshold: float,
        balance: float,
    ) -> None:
        super().__init__()
        check_counts(batch_size=batch_size, eval_batch_size=eval_batch_size, train_images=train_images)
        check_normalisation(mean, std)
        if mirror_truth and padding == eval_padding == "constant":
            raise ValueError("mirror_truth=true has nothing to mirror: set padding or eval_padding as well")
        self.store = open_store(store)
        labels, masks = self.label_names, self.mask_names = tuple(labels or ()), tuple(masks or ())
        if augment is not None and augment.foreground and not masks:
            raise ValueError("augment.foreground places crops around masks, but data.masks names none")
        codes = self.store.label[:, positions(labels, self.store.label_names, "data.labels", store)]
        channels = positions(masks, self.store.mask_names, "data.masks", store)
        self.predicted = None if predicted is None else PredictedMaskRows(predicted, self.store, masks, mask_threshold)
        self.pixels = Pixels(self.store, channels, memory, reduce, self.predicted)
        self.subset = subsets(self.store, split, split_seed, stratify, self.label_names, self.mask_names)
        check(self.subset, self.store.groups, codes, self.label_names)
        self.label = torch.from_numpy(np.where(codes < 0, np.nan, codes).astype(np.float32))
        self.seed, self.batch_size, self.eval_batch_size = seed, batch_size, eval_batch_size
        self.augment, self.normalise = augment, normalisation(mean, std)
        self.negatives = checked_negatives(negatives, "negatives")
        self.val_negatives = checked_negatives(val_negatives, "val_negatives")
        self.padding = Padding(self.store.frame, self.size, padding, "padding")
        self.eval_padding = Padding(self.store.frame, self.size, eval_padding, "eval_padding")
        self.mirror_truth, self.train_images, self.balance = mirror_truth, train_images, checked_balance(balance)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images of a batch."""
        return self.pixels.size

    @property
    def epoch(self) -> int:
        """Epoch of the attached trainer, 0 without one."""
        return self.trainer.current_epoch if self.trainer else 0

    def setup(self, stage: str) -> None:
        self.pixels.load(self.trainer.strategy.root_device if self.trainer else torch.device("cpu"))

    def rows(self, subset: str) -> Tensor:
        """Return the store rows of one subset (train, val, test or holdout).

        Raises:
            ValueError: there is no such subset.
        """
        if subset not in EVERY_SUBSET:
            raise ValueError(f"a subset is one of {list(EVERY_SUBSET)}, got {subset!r}{nearest(subset, EVERY_SUBSET)}")
        return torch.from_numpy(np.flatnonzero(self.subset == subset))

    def labels_of(self, subset: str) -> Tensor:
        """Return the labels (n, L) of one subset, for training those of the images that are used, NaN unknown."""
        return self.label[self._used(subset)]

    def counts(self) -> dict[str, int]:
        """Return the number of images per subset, for training those that are used; a holdout only if there is one."""
        return {name: len(self._used(name)) for name in EVERY_SUBSET if name != HOLDOUT or HOLDOUT in self.subset}

    def write_split(self, path: str | Path) -> Path:
        """Write the subset of every image to a CSV that `split=file` reads back; return its path."""
        return write_split(path, self.store.ids, self.store.groups, self.subset)

    def gather(self, rows: Tensor, training: bool = False) -> Batch:
        """Copy store rows into a new batch: image uint8 (B, 3, H, W), masks packed into (B, 1, H, W), label, index."""
        padding = self.padding if training else self.eval_padding
        image = padding.fill(self.pixels.take_images(rows), rows)
        return {"image": image, "mask": self._codes(rows, padding), "label": self.label[rows], "index": rows}

    def _codes(self, rows: Tensor, padding: Padding) -> Tensor:
        code = self.pixels.take_codes(rows)
        return padding.fill(code, rows) if self.mirror_truth else code

    def masks_of(self, rows: Tensor) -> Tensor:
        """Return the masks (n, K, H, W) of store rows as in a test batch, on the device of the pixels."""
        return unpack(self._codes(rows.cpu(), self.eval_padding), len(self.mask_names))

    @cached_property
    def presence(self) -> Tensor:
        """Presence of each mask anywhere in an image: (N, K) 0, 1, or NaN where nothing of it is annotated."""
        self.setup("fit")  # a stage with nothing left to train has not loaded its pixels yet
        return mask_statistics.presence(self.pixels, torch.arange(len(self.store)), len(self.mask_names))

    def absent_masks(self) -> dict[str, bool]:
        """Return the masks that no training image contains, and whether any of its pixels is annotated for them."""
        self.setup("fit")
        return mask_statistics.absent(self.pixels, self._used("train"), self.mask_names)

    def mask_pixels(self) -> tuple[Tensor, Tensor]:
        """Return the numbers of training pixels where each mask is present, and where it is absent, (K,) each."""
        self.setup("fit")
        return mask_statistics.pixel_counts(self.pixels, self._used("train"), len(self.mask_names))

    def label_leakage(self) -> dict[str, str]:
        """Return the labels that a mask leaks in the training images, each with its mask; see `leaking_masks`."""
        if not (self.label_names and self.mask_names):  # as in a segmentation: no need to read every mask
            return {}
        rows = self.rows("train")
        leaks = leaking_masks(self.label[rows], self.presence[rows])
        return {self.label_names[label]: self.mask_names[mask] for label, mask in leaks.items()}

    def _used(self, subset: str) -> Tensor:
        rows = self.rows(subset)
        if self.train_images is None or subset != "train":
            return rows
        return rows[np.argsort(self.store.ids[rows.numpy()])[: self.train_images].copy()]

    def _choice(self, subset: str, negatives: float | None) -> Choice:
        rows = self._used(subset)
        if negatives is None:
            return all_rows(rows)
        return with_positives(choose(rows, (self.presence[rows] == 1).any(1), negatives), subset, self.mask_names)

    def _balanced(self, choice: Choice) -> BalancedChoice:
        return BalancedChoice(choice, self.label if self.label_names else self.presence, self.balance)

    def prefers(self) -> bool:
        """Return whether `balance` lets some training images come more often than others."""
        return self._balanced(self._choice("train", self.negatives)).prefers

    def train_dataloader(self) -> TrainingBatches:
        choice = self._choice("train", self.negatives)
        rows, gather = self._balanced(choice) if self.balance else choice, partial(self.gather, training=True)
        return TrainingBatches(gather, rows, self.batch_size, self.seed, lambda: self.epoch)

    def val_dataloader(self) -> Batches:
        choice = self._choice("val", self.val_negatives)
        return Batches(self.gather, choice.draw(generator("val_negatives")), self.eval_batch_size)

    def test_dataloader(self) -> Batches:
        return Batches(self.gather, self.rows("test"), self.eval_batch_size)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return self.finish(batch)

    def finish(self, batch: Batch) -> Batch:
        """Finish a gathered batch: augment it in training, normalise it once and unpack the masks."""
        image, code = batch["image"], batch["mask"]
        normalise = self.normalise.to(image.device)
        seed = batch.pop("draw", None)
        if seed is not None and self.augment is not None:
            image, code = self.augment(image, code, normalise, torch.Generator(image.device).manual_seed(seed))
        else:
            image = apply_colour(normalise, image.float())
        masks, count = unpack(code, self.pixels.planes), len(self.mask_names)
        finished: Batch = {**batch, "image": image, "mask": masks[:, :count]}
        if self.predicted is not None:
            finished["predicted"] = masks[:, count:]
        return finished
