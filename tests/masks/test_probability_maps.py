"""Thresholding of masks plane by plane, equal to an argmax over all of them and the background."""

import pytest
import torch

from dermoscopy.masks.predicted import FULL
from dermoscopy.masks.probability_maps import decide


@pytest.mark.parametrize("masks", [1, 2, 5])
def test_of_exclusive_masks_the_most_likely_is_present_unless_the_background_is(masks):
    generator = torch.Generator().manual_seed(masks)
    probability = torch.randint(0, FULL // masks + 1, (3, masks, 20, 30), generator=generator).byte()
    background = FULL - probability.float().sum(1, keepdim=True)
    winner = torch.cat([background, probability], 1).argmax(1, keepdim=True)  # of equal ones the first
    expected = winner == torch.arange(1, masks + 1)[:, None, None]
    assert torch.equal(decide(probability, exclusive=True, threshold=0.5), expected)
    assert expected.any()


def test_a_mask_as_probable_as_the_background_is_absent_and_of_two_equal_masks_the_first_is_present():
    probability = torch.tensor([[100, 120], [55, 120]], dtype=torch.uint8)[None, :, None]  # background 100 and 15
    assert decide(probability, exclusive=True, threshold=0.5).tolist() == [[[[False, True]], [[False, False]]]]


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.6])
def test_masks_that_may_overlap_are_present_above_the_threshold(threshold):
    probability = torch.arange(256).byte().view(1, 1, 16, 16)
    present = decide(probability, exclusive=False, threshold=threshold)
    assert torch.equal(present, probability > round(FULL * threshold, 3))
