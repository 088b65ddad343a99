"""Masks reach the page without loss: the same decisions at every threshold."""

import zlib
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dermoscopy.evaluation.comparison import predicted_planes
from dermoscopy.report.gallery.pictures import LONGEST, OWN, PRESENT, THRESHOLDS, levels, packed, photograph

ALL = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)


def test_a_level_says_at_which_thresholds_a_mask_is_present() -> None:
    coded = levels(ALL, exclusive=False)
    for number, threshold in enumerate(THRESHOLDS, start=1):
        (expected,) = predicted_planes(ALL, exclusive=False, threshold=float(threshold))
        assert ((coded[..., 0] >= number) == expected).all()
    assert OWN in THRESHOLDS and coded.max() < PRESENT


def test_of_exclusive_masks_a_flag_marks_the_predicted_one() -> None:
    probability = np.random.default_rng(0).integers(0, 128, (9, 7, 2), dtype=np.uint8)
    expected = np.stack([*predicted_planes(probability, exclusive=True)], axis=-1)
    assert ((levels(probability, exclusive=True) & PRESENT > 0) == expected).all() and expected.any()


def test_planes_are_packed_one_after_the_other() -> None:
    masks = [np.array([[[1, 2], [3, 4]]], np.uint8), np.array([[[5], [255]]], np.uint8)]
    assert zlib.decompress(b64decode(packed(masks))) == bytes([1, 3, 2, 4, 5, 255])


@pytest.mark.parametrize(("size", "shown"), [((48, 64), (48, 64)), ((2 * LONGEST, LONGEST), (LONGEST, LONGEST // 2))])
def test_a_photograph_is_a_jpeg_of_limited_size(size: tuple[int, int], shown: tuple[int, int]) -> None:
    kind, _, text = photograph(np.zeros((*size, 3), np.uint8)).partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(BytesIO(b64decode(text))).size == shown[::-1]
