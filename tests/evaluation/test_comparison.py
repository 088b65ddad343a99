"""Tests of the comparison of predicted with true masks at both sizes."""

import numpy as np
import pytest

from dermoscopy.data.store.frame import place
from dermoscopy.evaluation.comparison import compare, predicted_planes


def planes(probability: np.ndarray, exclusive: bool = False, frame: tuple[int, ...] | None = None) -> np.ndarray:
    return np.stack(list(predicted_planes(probability, exclusive, frame)), axis=-1)


def test_a_mask_is_predicted_above_one_half_as_close_as_uint8_allows() -> None:
    assert planes(np.array([[[127], [128]]], np.uint8)).ravel().tolist() == [False, True]


def test_the_likeliest_of_exclusive_masks_is_predicted_unless_the_background_is_likelier() -> None:
    probability = np.array([[[100, 90], [90, 100], [80, 80], [50, 130], [0, 0]]], np.uint8)
    background = 255 - probability.sum(-1, dtype=int, keepdims=True)
    expected = np.concatenate([background, probability], -1).argmax(-1)[..., None] == [1, 2]
    assert (planes(probability, exclusive=True) == expected).all()


def test_exclusive_masks_never_overlap_and_are_the_argmax() -> None:
    probability = np.random.default_rng(0).dirichlet(np.ones(4), (20, 20))
    predicted = planes(np.rint(255 * probability[..., 1:]).astype(np.uint8), exclusive=True)
    assert (predicted.sum(-1) <= 1).all()
    highest = np.sort(probability, axis=-1)
    clear = highest[..., -1] - highest[..., -2] > 0.02  # further apart than rounding moves them
    assert clear.mean() > 0.8
    assert (predicted == (probability.argmax(-1)[..., None] == [1, 2, 3]))[clear].all()


@pytest.mark.parametrize(("original", "size"), [((40, 80), (8, 8)), ((60, 40), (8, 12)), ((37, 53), (16, 12))])
def test_predictions_in_the_padding_have_no_influence(original: tuple[int, int], size: tuple[int, int]) -> None:
    frame, rng = place(original, size, "pad"), np.random.default_rng(0)
    probability = rng.integers(0, 256, (*size, 1), dtype=np.uint8)
    top, left = (np.arange(count) * length / count for count, length in zip(size, frame[4:], strict=True))
    rows = (top + frame.height / size[0] > -frame.top) & (top < original[0] - frame.top)
    columns = (left + frame.width / size[1] > -frame.left) & (left < original[1] - frame.left)
    inside = rows[:, None] & columns
    assert not inside.all()
    other = np.where(inside[..., None], probability, rng.integers(0, 256, probability.shape, dtype=np.uint8))
    assert (planes(probability, frame=frame) == planes(other, frame=frame)).all()
    assert planes(np.where(inside[..., None], 255, 0).astype(np.uint8), frame=frame).all()


def test_counts_and_distance_use_only_known_pixels() -> None:
    predicted = np.array([[True, True, False, False, True]])
    code = np.array([[1, 0, 1, 0, 255]], np.uint8)
    counts, distance = compare([predicted, predicted], [code, np.full_like(code, 255)], hd95=True)
    assert counts.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]
    assert distance == pytest.approx([0.95, np.nan], nan_ok=True)  # pixels 0 and 1 against 0 and 2: 0, 1 both ways
