"""Random pixels of masks: uniform over the masks of an image first, then over the pixels of that mask."""

import pytest
import torch

from dermoscopy.data.augment.foreground import random_foreground
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.encoding import pack


@pytest.mark.parametrize("masks", [2, 7, 12], ids=["int8", "int16", "int32"])
def test_a_rare_mask_is_drawn_as_often_as_a_common_one(masks):
    """One image, many times: one mask of 1 pixel, one of 30, the others absent or not annotated."""
    stored = torch.zeros(1, masks, 6, 8, dtype=torch.uint8)
    stored[0, 0, 5, 7] = 1
    stored[0, masks - 1].view(-1)[:30] = 1
    stored[0, 1:-1] = 255 if masks > 2 else 0
    there, centres = random_foreground(pack(stored).expand(4000, 1, 6, 8), generator(0))
    assert there.all()
    columns, rows = ((centres[:, axis] + 1) * side / 2 - 0.5 for axis, side in ((0, 8), (1, 6)))
    places = (8 * rows + columns).round().long().bincount(minlength=48) / 4000
    assert places[47].item() == pytest.approx(0.5, abs=0.04)
    torch.testing.assert_close(places[:30], torch.full((30,), 0.5 / 30), atol=0.01, rtol=0)
    assert not places[30:47].any()


def test_an_image_without_a_mask_is_named():
    stored = torch.zeros(3, 1, 4, 4, dtype=torch.uint8)
    stored[1], stored[2, 0, 0, 0] = 255, 1
    there, _ = random_foreground(pack(stored), generator(0))
    assert there.tolist() == [False, False, True]
