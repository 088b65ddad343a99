"""Pixels, truth and prediction of one mask of one image, looked up by name so that they always belong together."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED, Store
from dermoscopy.evaluation.comparison import predicted_planes
from dermoscopy.masks.predicted import FULL, PredictedMasks, commonly_known
from dermoscopy.metrics.segmentation import image_scores

OUTCOMES = ("true positive", "false positive", "false negative", "true negative", "unknown")


@dataclass(frozen=True, eq=False)
class Case:
    """One mask of one image, with its truth and prediction.

    Attributes:
        image: RGB uint8 (H, W, 3).
        truth: uint8 (H, W), 0 absent, 1 present, 255 not annotated or outside the image.
        probability: (H, W) in [0, 1].
        predicted: bool (H, W), the mask predicted from the probabilities.
    """

    id: str
    mask: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    probability: NDArray[np.float64]
    predicted: NDArray[np.bool_]

    @property
    def outcome(self) -> NDArray[np.uint8]:
        """Outcome of each pixel, an index of `OUTCOMES`."""
        present, unknown = self.truth == 1, self.truth == NOT_ANNOTATED
        kinds = [unknown, self.predicted & present, self.predicted, present]
        return np.select(kinds, [4, 0, 1, 2], 3).astype(np.uint8)

    @property
    def dice(self) -> float:
        """Dice score of these pixels."""
        counts = np.bincount(self.outcome.ravel(), minlength=len(OUTCOMES))[:4]
        return float(image_scores(counts[None, None])["dice"].item())


Find = Callable[[str, str], Case]  # by id and mask


def find_in(store: Store, predicted: PredictedMasks) -> Find:
    """Return a function that looks up a case by id and mask, in any order of the store and the predictions.

    Args:
        store: the images, read only when requested.
        predicted: masks of some of them.

    Raises:
        ValueError: the masks belong to another store; when called: a mask or image was not predicted.
    """
    if predicted.fingerprint != store.fingerprint:
        raise ValueError(f"the masks were not predicted for {store.path}: pass the store that they belong to")
    image, truth = store.image(mapped=True), store.mask(mapped=True)
    planes = [store.mask_names.index(name) for name in predicted.names]
    rows = {name: row for row, name in enumerate(store.ids.tolist())}

    def find(id: str, mask: str) -> Case:
        if mask not in predicted.names:
            raise ValueError(f"no predicted masks {mask!r}; there are: {', '.join(predicted.names)}")
        channel, probability = predicted.names.index(mask), predicted.of([id])[0]
        codes = commonly_known(truth[rows[id]][..., planes], predicted.exclusive)
        present = next(islice(predicted_planes(probability, predicted.exclusive), channel, None))
        return Case(id, mask, image[rows[id]], codes[..., channel], probability[..., channel] / FULL, present)

    return find
