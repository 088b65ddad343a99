"""Probability maps: what is decided from them, and how they are kept."""

import numpy as np
import pytest
import torch

from dermoscopy.evaluation.comparison import predicted_planes
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.probability_maps import at_size, decide, in_bytes, probabilities


@pytest.mark.parametrize("exclusive", [False, True])
def test_masks_are_decided_as_those_of_a_segmentation_are(exclusive):
    probability = np.random.default_rng(0).integers(0, 256 // (1 + 2 * exclusive), (7, 20, 24, 3), dtype=np.uint8)
    probability[0] = [[100, 100, 55]]  # two are likeliest
    probability[1] = [[100, 55, 0]]  # as likely as the background
    found = decide(torch.from_numpy(probability).permute(0, 3, 1, 2), exclusive, 0.5)
    for ours, image in zip(found.numpy(), probability, strict=True):
        assert (ours == np.stack(list(predicted_planes(image, exclusive)))).all()


def test_masks_that_may_overlap_are_present_above_the_threshold_of_255():
    probability = torch.tensor([[127, 128, 191, 192]], dtype=torch.uint8)[None, :, None]  # (1, 1, 1, 4)
    assert decide(probability, False, 0.5).flatten().tolist() == [False, True, True, True]
    assert decide(probability, False, 0.75).flatten().tolist() == [False, False, False, True]


def test_of_exclusive_masks_the_likeliest_is_present_unless_the_background_is_as_likely():
    pixels = torch.tensor([[100, 90], [90, 100], [80, 80], [60, 128], [127, 1], [0, 0]], dtype=torch.uint8)
    found = decide(pixels.T[None, :, None], True, 0.5)[0, :, 0].T  # the background has 65, 65, 95, 67, 127 and 255
    expected = [[True, False], [False, True], [False, False], [False, True], [False, False], [False, False]]
    assert found.tolist() == expected


@pytest.mark.parametrize("exclusive", [False, True])
def test_probabilities_are_those_of_numpy(exclusive):
    logits = 3 * torch.randn((2, 3 + exclusive, 4, 5), generator=generator("logits"), dtype=torch.float64)
    grown = np.exp(logits.numpy())
    expected = (grown / grown.sum(1, keepdims=True))[:, 1:] if exclusive else grown / (1 + grown)
    found = probabilities(logits, exclusive)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_logits_of_half_precision_become_probabilities_of_whole_precision():
    logits = torch.tensor([[[[0.3, -5.0]]]]).bfloat16()
    assert torch.equal(probabilities(logits, False), torch.sigmoid(logits.float()))


def test_a_probability_is_kept_as_the_nearest_of_256_bytes():
    assert in_bytes(torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 0.5, 1.0])).tolist() == [0, 0, 1, 128, 255]
    every = torch.arange(256)
    assert in_bytes(every / 255).tolist() == every.tolist()


def test_probabilities_at_another_size_are_interpolated_and_rounded():
    probability = torch.tensor([[[[0, 200], [100, 40]]]], dtype=torch.uint8)
    assert at_size(probability, (2, 2))[0, ..., 0].tolist() == [[0, 200], [100, 40]]
    plane = at_size(probability, (4, 4))[0, ..., 0]
    assert plane[0].tolist() == [0, 50, 150, 200]  # a quarter and three quarters of the way
    assert plane[1, 1] == round(0.5625 * 0 + 0.1875 * 200 + 0.1875 * 100 + 0.0625 * 40)


def test_a_set_of_many_images_is_enlarged_as_each_of_them_is():
    many = torch.randint(0, 256, (70, 2, 3, 3), generator=generator("many"), dtype=torch.uint8)
    alone = np.concatenate([at_size(one[None], (7, 5)) for one in many])
    assert (at_size(many, (7, 5)) == alone).all()
