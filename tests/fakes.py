"""Small fakes of the large parts of a run."""

import torch
from torch import Tensor

from dermoscopy.contracts import Batch
from dermoscopy.machine.randomness import generator


class FakeData:
    """A data module of random images, masks and labels, without unknown values.

    Args:
        count: number of images; the second half is the test subset.
        masks: number of masks per image.
        labels: number of labels per image.
        pixels: height and width of the images.
    """

    def __init__(self, count: int = 20, masks: int = 2, labels: int = 3, pixels: int = 16) -> None:
        draw = generator("fake data")
        self.image = torch.rand((count, 3, pixels, pixels), generator=draw)
        self.mask = torch.where(torch.rand((count, masks, pixels, pixels), generator=draw) < 0.5, -1.0, 1.0)
        self.label = (torch.rand((count, labels), generator=draw) < 0.5).float()
        self.store = range(count)  # only its length is used
        self.size = (pixels, pixels)
        self.predicted = "masks.h5"

    def rows(self, subset: str) -> Tensor:
        """Return the rows of the images of a subset of the split."""
        half = len(self.store) // 2
        return torch.arange(half, len(self.store)) if subset == "test" else torch.arange(half)

    def masks_of(self, rows: Tensor) -> Tensor:
        """Return the masks (B, K, H, W) of some rows."""
        return self.mask[rows]

    def labels_of(self, subset: str) -> Tensor:
        """Return the labels (n, L) of a subset."""
        return self.label[self.rows(subset)]

    def batch(self, rows: Tensor) -> Batch:
        """Return the batch of some rows; the predicted masks are the inverse of the given ones."""
        mask = self.mask[rows]
        return Batch(image=self.image[rows], mask=mask, label=self.label[rows], index=rows, predicted=-mask)
