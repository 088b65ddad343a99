"""Tests of postprocessing: threshold, holes and small parts."""

import numpy as np
import pytest

from dermoscopy.predict.postprocessing import Postprocessing

FRAME = (5, 6, 0, 0, 5, 6)  # the image as it is
RING = np.array([[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0], [1, 1, 1, 0, 0, 1], [0, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0]])


def postprocessed(probability, **changes):
    postprocessing = Postprocessing(
        **{"exclusive": False, "threshold": 0.5, "fill_holes": False, "min_pixels": 0} | changes
    )
    return list(postprocessing.masks(np.asarray(probability, np.uint8), FRAME))


def test_a_mask_is_present_where_its_probability_exceeds_the_threshold():
    probability = np.arange(30).reshape(5, 6, 1) * 8
    for threshold in (0.2, 0.5, 0.8):
        assert np.array_equal(postprocessed(probability, threshold=threshold)[0], probability[..., 0] > 255 * threshold)


def test_holes_are_filled_and_small_parts_removed():
    ring = 255 * RING[..., None]
    assert np.array_equal(postprocessed(ring)[0], RING)
    assert postprocessed(ring, fill_holes=True)[0].sum() == RING.sum() + 1
    for least, pixels in ((1, 11), (2, 10), (3, 8), (9, 0)):  # parts of 8, 2 (touching at a corner) and 1
        assert postprocessed(ring, min_pixels=least)[0].sum() == pixels
    assert postprocessed(ring, fill_holes=True, min_pixels=9)[0].sum() == 9  # filled first


def test_pixels_of_exclusive_masks_get_the_likeliest():
    probability = np.zeros((5, 6, 2))
    probability[0] = 100, 120  # background 35
    probability[1] = 60, 60  # background 135
    first, second = postprocessed(probability, exclusive=True)
    assert not first.any() and second[0].all() and not second[1:].any()


@pytest.mark.parametrize("changes", [{"threshold": 0.4}, {"fill_holes": True}])
def test_exclusive_masks_have_no_threshold_and_no_holes(changes):
    with pytest.raises(ValueError, match="threshold and fill_holes are for masks that may overlap"):
        postprocessed(np.zeros((5, 6, 1)), exclusive=True, **changes)
