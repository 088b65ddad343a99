"""Pixel counts checked by hand: several masks, exclusive ones, and a wrong number of channels."""

import math

import pytest
import torch
from torch import Tensor

from dermoscopy.metrics.pixel_counts import count, predicted_area


def rows(*texts: str) -> Tensor:
    """Return masks (1, K, 1, W) of +1, -1 and 0, from one text each."""
    codes = {"+": 1.0, "-": -1.0, "?": 0.0}
    return torch.tensor([[[[codes[letter] for letter in text]] for text in texts]])


def test_counts_of_several_masks_computed_by_hand() -> None:
    target, logits = rows("+-?+-", "-----"), rows("++++-", "+----")
    assert count(logits, target, False).tolist() == [[[2, 1, 0, 1], [0, 1, 0, 4]]]


def test_exclusive_masks_are_where_their_channel_is_highest_and_known_where_all_are() -> None:
    target = rows("+--?-", "-+---")
    logits = torch.tensor([[0, 0, 0, 0, 9], [2, 1, 0.5, 9, 0], [1, 2, -1, 0, 0]]).view(1, 3, 1, 5)  # background first
    assert count(logits, target, True).tolist() == [[[1, 1, 0, 2], [1, 0, 0, 3]]]


def test_a_wrong_number_of_channels_is_named() -> None:
    logits, target = torch.zeros(4, 3, 8, 9), torch.ones(4, 3, 8, 9)
    with pytest.raises(ValueError, match="3 masks need 4 channels of logits, the first for the background; .* 3"):
        count(logits, target, True)
    with pytest.raises(ValueError, match="3 masks need 3 channels of logits; .* 2"):
        count(logits[:, :2], target, False)


def test_the_predicted_area_is_the_share_of_all_known_pixels_that_are_predicted() -> None:
    target, logits = rows("+-?+-", "-----"), rows("++++-", "+----")
    assert predicted_area(count(logits, target, False).numpy()) == 4 / 9 == (logits > 0)[target != 0].float().mean()
    nothing = count(-torch.ones_like(target), target, False).numpy()
    assert predicted_area(nothing) == 0
    assert math.isnan(predicted_area(count(logits, torch.zeros_like(target), False).numpy()))
