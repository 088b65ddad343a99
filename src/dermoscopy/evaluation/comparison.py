"""One image: its predicted masks at the store's or the original's size, held against the truth, plane by plane."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.frame import Frame, restore
from dermoscopy.masks.probability_maps import FULL, Plane
from dermoscopy.metrics.segmentation import hausdorff_95


class Comparison(NamedTuple):
    """What one image adds to the scores: counts (K, 4) of `metrics.masks.count`, and hd95 (K,) in pixels."""

    counts: NDArray[np.int64]
    hd95: NDArray[np.float64]


def predicted_planes(
    probability: Plane, exclusive: bool, frame: Sequence[int] | None = None, threshold: float = 0.5
) -> Iterator[NDArray[np.bool_]]:
    """Yield the K predicted masks of an image one by one, so that few planes of a large original are in memory.

    Args:
        probability: (H, W, K), 255 times the probability.
        exclusive: whether the likeliest mask is predicted, or the background, whose probability is what the masks
            leave of 1; else every mask above the threshold.
        frame: the image's row of the store's `frame`, to predict at the original's size; pixels of the original that
            were cropped away are predicted absent.
        threshold: a probability.
    """
    planes = (resized(plane, frame) for plane in np.moveaxis(probability, -1, 0))
    if not exclusive:
        yield from (plane > FULL * threshold for plane in planes)
        return
    winner = _likeliest(planes)
    yield from (winner == number for number in range(1, probability.shape[-1] + 1))


def compare(predicted: Iterable[NDArray[np.bool_]], truth: Iterable[Plane], hd95: bool) -> Comparison:
    """Compare the predicted masks (H, W) of an image with the true ones in the store's codes.

    Args:
        predicted, truth: K planes each, taken one by one.
        hd95: whether to compute it; else it is NaN.
    """
    pairs = [_compare(*pair, hd95) for pair in zip(predicted, truth, strict=True)]
    return Comparison(np.array([counts for counts, _ in pairs]), np.array([distance for _, distance in pairs]))


def _compare(predicted: NDArray[np.bool_], code: Plane, hd95: bool) -> tuple[list[int], float]:
    known, truth = code != NOT_ANNOTATED, code == 1
    predicted = predicted & known
    tp, positive, present, total = (
        int(np.count_nonzero(pixels)) for pixels in (predicted & truth, predicted, truth, known)
    )
    counts = [tp, positive - tp, present - tp, total - positive - present + tp]
    return counts, hausdorff_95(predicted, truth, known) if hd95 else float("nan")


def resized(plane: Plane, frame: Sequence[int] | None) -> NDArray[np.float32]:
    """Return the probabilities (H, W) of a mask, 0 to 255, at the original's size, or unchanged without a frame."""
    values = plane.astype(np.float32)
    return values if frame is None else restore(_continued(values, Frame(*(int(side) for side in frame))), frame)


def _continued(values: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """Continue what lies at the image's edge into the padding, of which interpolation would mix in predictions."""
    rows = _shown(frame.top, frame.height, frame.original_height, values.shape[0])
    columns = _shown(frame.left, frame.width, frame.original_width, values.shape[1])
    return values[np.ix_(rows, columns)]


def _shown(start: int, length: int, original: int, count: int) -> NDArray[np.int_]:
    """For each of `count` stored rows the nearest that shows a part of the original."""
    first, last = -start * count // length, -((start - original) * count // length) - 1
    return np.arange(count).clip(max(first, 0), min(last, count - 1))


def _likeliest(planes: Iterator[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Number of the highest plane at each pixel, counted from 1; 0 where none exceeds the background."""
    highest = next(planes)
    background, winner = FULL - highest, np.ones(highest.shape, np.uint8)
    for number, plane in enumerate(planes, start=2):
        background -= plane
        winner[plane > highest] = number
        highest = np.maximum(highest, plane)
    winner[highest <= background] = 0
    return winner
