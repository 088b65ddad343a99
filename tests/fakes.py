"""Stand-ins for the large parts of a run: small enough that a test sees all that they do."""

import torch
from torch import Tensor

from dermoscopy.contracts import Batch
from dermoscopy.machine.randomness import generator


class FakeData:
    """A data module whose images, masks and labels are noise and whose every row is known.

    Args:
        count: images; the second half of them is tested.
        masks: a mask each image.
        labels: of each image.
        subset: pixels.
    """

    def __init__(self, count: int = 20, masks: int = 2, labels: int = 3, subset: int = 16) -> None:
        draw = generator("fake data")
        self.image = torch.rand((count, 3, subset, subset), generator=draw)
        self.mask = torch.where(torch.rand((count, masks, subset, subset), generator=draw) < 0.5, -1.0, 1.0)
        self.label = (torch.rand((count, labels), generator=draw) < 0.5).float()
        self.store = range(count)  # it has a length, and that is asked for
        self.size = (subset, subset)
        self.predicted = "masks.h5"

    def rows(self, subset: str) -> Tensor:
        """Rows of the images of a subset of the split."""
        half = len(self.store) // 2
        return torch.arange(half, len(self.store)) if subset == "test" else torch.arange(half)

    def masks_of(self, rows: Tensor) -> Tensor:
        """Masks (B, K, H, W) of some rows."""
        return self.mask[rows]

    def labels_of(self, subset: str) -> Tensor:
        """Labels (n, L) of a subset."""
        return self.label[self.rows(subset)]

    def batch(self, rows: Tensor) -> Batch:
        """What a network sees of some rows; the predicted masks are the opposite of the given ones."""
        mask = self.mask[rows]
        return Batch(image=self.image[rows], mask=mask, label=self.label[rows], index=rows, predicted=-mask)
