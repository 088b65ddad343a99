"""Pixels of a store: in memory or memory-mapped, at full or reduced size, the masks packed into one plane."""

from collections.abc import Sequence

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.batches.padding import visible_pixels
from dermoscopy.data.batches.predicted import PredictedMaskRows
from dermoscopy.data.store.reader import Store
from dermoscopy.masks.encoding import pack

PART = 256  # images read at a time


class Pixels:
    """Images and masks of a store, by row.

    Args:
        store: an open store.
        channels: positions of the masks to use among those of the store.
        memory: "memory" reads the whole store, "map" leaves it on disk, "auto" reads it if it takes less than half of
            the free memory.
        reduce: factor by which height and width are smaller than the store's.
        predicted: predictions of the same masks, packed behind the true ones; None: there are none.

    Raises:
        ValueError: `memory` is unknown or `reduce` does not divide height and width.
    """

    def __init__(
        self,
        store: Store,
        channels: Sequence[int],
        memory: str,
        reduce: int,
        predicted: PredictedMaskRows | None = None,
    ) -> None:
        height, width = store.size
        if memory not in ("auto", "memory", "map"):
            raise ValueError(f"memory must be auto, memory or map, got {memory!r}")
        if not isinstance(reduce, int) or reduce < 1 or height % reduce or width % reduce:
            raise ValueError(
                f"reduce must be a whole number that divides {height} and {width}, height and width of "
                f"{store.path}, got {reduce}"
            )
        self.store, self.channels, self.memory, self.reduce = store, list(channels), memory, reduce
        self.predicted = predicted
        self.size = height // reduce, width // reduce
        self.rows, self.columns = map(torch.from_numpy, visible_pixels(store.frame, store.size))  # (N, H) and (N, W)
        self.ready = False  # whether images and masks are reduced and packed; those of a mapped store never are
        self.images: Tensor | None = None
        self.masks: Tensor | None = None

    @property
    def planes(self) -> int:
        """Number of masks packed into one plane."""
        return len(self.channels) * (1 if self.predicted is None else 2)

    def load(self, device: torch.device) -> None:
        """Open the pixels once; move them to a GPU where they take less than half of its free memory."""
        if self.images is not None:
            return
        mapped = self.memory == "map" or (
            self.memory == "auto" and self.store.nbytes > psutil.virtual_memory().available // 2
        )
        images, masks = (_channels_first(array(mapped=mapped)) for array in (self.store.image, self.store.mask))
        if not mapped:  # channels first, and the masks in use packed into one plane, once for the whole run
            images, masks = self._whole(images, masks)
            self.ready = True
        if device.type == "cuda" and images.nbytes + masks.nbytes < torch.cuda.mem_get_info(device)[0] // 2:
            images, masks = images.to(device), masks.to(device)
        self.images, self.masks = images, masks

    def take_images(self, rows: Tensor) -> Tensor:
        """Copy the images of store rows, uint8 (B, 3, H, W)."""
        assert self.images is not None, "load comes first"
        image = self.images[rows.to(self.images.device)].contiguous()  # grid_sample is three times slower otherwise
        return image if self.ready else self._reduced(image, rows)

    def take_codes(self, rows: Tensor) -> Tensor:
        """Copy the masks of store rows, packed into (B, 1, H, W)."""
        assert self.masks is not None, "load comes first"
        mask = self.masks[rows.to(self.masks.device)]
        return mask if self.ready else self._packed(mask, rows)

    def _whole(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        whole, codes = torch.empty(len(images), 3, *self.size, dtype=torch.uint8), []
        for rows in torch.arange(len(images)).split(PART):
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            whole[part] = self._reduced(images[part], rows)
            codes.append(self._packed(masks[part], rows))
        return whole, torch.cat(codes)

    def _reduced(self, image: Tensor, rows: Tensor) -> Tensor:
        if self.reduce == 1:
            return image
        return reduce_images(image, self._visible(rows).to(image.device), self.reduce)

    def _visible(self, rows: Tensor) -> Tensor:
        """Return which stored pixels show part of the original, (B, 1, H, W)."""
        return self.rows[rows, None, :, None] & self.columns[rows, None, None]

    def _packed(self, mask: Tensor, rows: Tensor) -> Tensor:
        """Pack the masks in use, selected from all masks of the store, and the predicted ones."""
        mask = mask[:, self.channels]
        if self.predicted is not None:
            predicted = self.predicted.take(rows).masked_fill_(~self._visible(rows), NOT_ANNOTATED)
            mask = torch.cat([mask, predicted.to(mask.device)], 1)
        return pack(mask if self.reduce == 1 else reduce_masks(mask, self.reduce))


def reduce_images(image: Tensor, visible: Tensor, factor: int) -> Tensor:
    """Reduce uint8 images (B, C, H, W) to the mean over the `visible` (B, 1, H, W) pixels of each block."""
    mean = _block_sums(image, factor) / _block_sums(visible, factor).clamp(min=1)
    return mean.round_().to(torch.uint8)


def reduce_masks(mask: Tensor, factor: int) -> Tensor:
    """Reduce masks of the store (B, K, H, W): present where at least half of the known pixels of a block are."""
    known = _block_sums(mask != NOT_ANNOTATED, factor)
    present = 2 * _block_sums(mask == 1, factor) >= known
    return present.to(torch.uint8).masked_fill_(known == 0, NOT_ANNOTATED)


def _block_sums(planes: Tensor, factor: int) -> Tensor:
    blocks = planes.unflatten(3, (-1, factor)).unflatten(2, (-1, factor))
    return blocks.sum((3, 5), dtype=torch.int32)


def _channels_first(array: NDArray[np.uint8]) -> Tensor:
    """Return an (N, C, H, W) view of an (N, H, W, C) array."""
    return torch.from_numpy(array).permute(0, 3, 1, 2)
