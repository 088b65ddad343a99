"""Remarks about files that were read."""

import numpy as np
import pytest

from dermoscopy.data.raw.remarks import Remarks, may_be_inverted

DISC = (np.hypot(*(np.mgrid[:16, :16] - 7.5)) < 5).astype(np.uint8)
PADDED = np.full((24, 16), 255, np.uint8)
PADDED[4:20] = 1 - DISC
NEARLY = np.ones((16, 16), np.uint8)
NEARLY[0, 0] = 0


@pytest.mark.parametrize(
    ("mask", "inverted"),
    [
        (DISC, False),
        (1 - DISC, True),
        (PADDED, True),
        (NEARLY, True),
        (np.ones((8, 8)), True),
        (np.zeros((8, 8)), False),
        (np.full((8, 8), 255), False),
        (np.roll(DISC, 8, 0), False),
    ],
)
def test_white_around_the_whole_image_may_be_the_background(mask: np.ndarray, inverted: bool) -> None:
    assert may_be_inverted(mask.astype(np.uint8)) is inverted


def test_remarks_are_counted_per_mask_and_empty_ones_are_said_if_all_are() -> None:
    remarks = Remarks(["lesion", "streaks", "globules"])
    for number in range(5):
        mask = np.stack([1 - DISC, DISC * 0, DISC * (number == 2)], -1)
        remarks.add(f"im{number}", mask, [True, False, number == 2], rotated=number > 2)
    remarks.add("unknown", np.full((16, 16, 3), 255, np.uint8), [None, None, None], rotated=False)
    lines = remarks.lines()
    assert len(lines) == 3
    assert "EXIF" in lines[0] and "2: im3, im4" in lines[0]
    assert "masks lesion" in lines[1] and "5: im0, im1, im2 and 2 more" in lines[1]
    assert lines[2] == "masks streaks are empty: all 5"
