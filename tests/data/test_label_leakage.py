"""Detection of labels that equal the presence of a mask."""

import torch

from dermoscopy.data.label_leakage import leaking_masks


def test_a_label_that_follows_a_mask_is_detected_and_no_other():
    presence = torch.tensor([[0.0, 1], [1, 1], [0, 0], [1, 0]])
    label = torch.stack([presence[:, 1], torch.tensor([1.0, 1, 0, 1])], dim=1)
    assert leaking_masks(label, presence) == {0: 1}


def test_a_mask_that_is_always_present_leaks_nothing():
    ones = torch.ones(5, 1)
    assert leaking_masks(ones, ones) == {}


def test_only_images_with_both_known_count():
    nan = float("nan")
    presence, label = torch.tensor([[1.0], [0], [nan], [1]]), torch.tensor([[1.0], [0], [1], [nan]])
    assert leaking_masks(label, presence) == {0: 0}
