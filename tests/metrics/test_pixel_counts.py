"""Pixel counts by hand: several masks, exclusive ones, a wrong number of channels; and the recall of all pixels."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import recall_score
from torch import Tensor

from dermoscopy.metrics.pixel_counts import count, pooled_recall
from dermoscopy.metrics.segmentation import mask_scores


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


def test_the_pooled_recall_is_the_mean_over_the_present_masks_of_the_share_of_their_pixels_that_is_found() -> None:
    target = torch.cat([rows("++--", "----", "+---"), rows("++-?", "----", "----")])
    logits = torch.cat([rows("+---", "----", "-+--"), rows("++-+", "----", "+---")])
    assert pooled_recall(count(logits, target, False).numpy()) == (3 / 4 + 0) / 2  # the second is nowhere
    pixels = [(target[:, k].flatten() > 0, logits[:, k].flatten() > 0) for k in (0, 2)]
    assert pooled_recall(count(logits, target, False).numpy()) == np.mean([recall_score(*pair) for pair in pixels])


def test_the_pooled_recall_is_zero_if_no_predicted_pixel_is_right_and_undefined_without_masks() -> None:
    target = rows("++--", "----")
    wrong, nothing, everything = rows("--++", "----"), -torch.ones_like(target), torch.ones_like(target)
    for logits in (wrong, nothing):
        counts = count(logits, target, False).numpy()
        assert pooled_recall(counts) == 0
        assert mask_scores(counts, ["a", "b"])["pooled_dice"] == (0 + 1) / 2  # an absent mask that is not predicted
    for absent in (nothing, torch.zeros_like(target)):
        assert math.isnan(pooled_recall(count(everything, absent, False).numpy()))
