"""Comparison of the predicted masks of one image with the true ones, at the store's or the original's size."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.batches.padding import visible_part
from dermoscopy.data.store.frame import restore
from dermoscopy.masks.predicted import Plane, present_masks
from dermoscopy.metrics.segmentation import confusion, hausdorff_95


class Comparison(NamedTuple):
    """Contribution of one image to the scores: counts (K, 4) of tp, fp, fn, tn, and `hausdorff_95` (K,) in pixels."""

    counts: NDArray[np.int64]
    hd95: NDArray[np.float64]


def predicted_planes(
    probability: Plane, exclusive: bool, frame: Sequence[int] | None = None, threshold: float = 0.5
) -> Iterator[NDArray[np.bool_]]:
    """Yield the K predicted masks of an image one by one, to keep few planes of a large original in memory.

    Args:
        probability: (H, W, K), 255 times the probability.
        exclusive: whether only the likeliest mask is predicted, or the background, whose probability is 1 minus the sum
            of the masks; else every mask above the threshold.
        frame: the image's row of the store's `frame`, to predict at the original's size; pixels of the original that
            were cropped away are predicted absent.
        threshold: a probability.
    """
    planes = (resized(plane, frame) for plane in np.moveaxis(probability, -1, 0))
    yield from present_masks(planes, probability.shape[-1], exclusive, threshold)


def compare(predicted: Iterable[NDArray[np.bool_]], truth: Iterable[Plane], hd95: bool) -> Comparison:
    """Compare the predicted masks (H, W) of an image with the true ones in the store's codes.

    Args:
        predicted, truth: K planes each, read one by one.
        hd95: whether to compute the Hausdorff distance; else it is NaN.
    """
    pairs = [_compare(*pair, hd95) for pair in zip(predicted, truth, strict=True)]
    return Comparison(np.array([counts for counts, _ in pairs]), np.array([distance for _, distance in pairs]))


def _compare(predicted: NDArray[np.bool_], code: Plane, hd95: bool) -> tuple[tuple[int, int, int, int], float]:
    known, truth = code != NOT_ANNOTATED, code == 1
    predicted = predicted & known
    counts = confusion(*(int(np.count_nonzero(pixels)) for pixels in (predicted & truth, predicted, truth, known)))
    return counts, hausdorff_95(predicted, truth, known) if hd95 else float("nan")


def resized(plane: Plane, frame: Sequence[int] | None) -> NDArray[np.float32]:
    """Return the probabilities (H, W) of a mask, 0 to 255, at the original's size; unchanged without a frame."""
    values = plane.astype(np.float32)
    return values if frame is None else restore(_continued(values, frame), frame)


def _continued(values: NDArray[np.float32], frame: Sequence[int]) -> NDArray[np.float32]:
    """Replicate the image's edge into the padding, whose predictions interpolation would otherwise mix in."""
    visible = visible_part(np.array([frame]), values.shape)
    rows = np.arange(values.shape[0]).clip(visible.top[0], visible.bottom[0])  # the nearest row of the image
    columns = np.arange(values.shape[1]).clip(visible.left[0], visible.right[0])
    return values[np.ix_(rows, columns)]
