"""Negatives: all positives, and the requested number of negatives."""

import math

import pytest
import torch

from dermoscopy.data.batches.negatives import checked_negatives, choose
from dermoscopy.machine.randomness import generator

ROWS = torch.arange(100, 150)
POSITIVE = torch.arange(50) % 5 == 0  # 10 of 50


@pytest.mark.parametrize(("share", "drawn"), [(0, 0), (1, 10), (0.25, 2), (0.36, 4), (2.5, 25), (4, 40), (9, 40)])
def test_all_positives_and_the_given_number_of_negatives_per_positive_are_chosen_at_most_all(share, drawn):
    choice = choose(ROWS, POSITIVE, share)
    rows = choice.draw(generator(0))
    assert len(choice) == len(rows) == len(rows.unique()) == 10 + drawn
    assert set(ROWS[POSITIVE].tolist()) <= set(rows.tolist()) <= set(ROWS.tolist())


def test_every_negative_is_equally_likely_to_be_drawn():
    choice = choose(ROWS, POSITIVE, 1)
    rows = torch.cat([choice.draw(generator(seed)) for seed in range(400)])
    counts = torch.bincount(rows - 100, minlength=50)[~POSITIVE]
    assert counts.min() > 60 and counts.max() < 140  # 100 draws each on average, with a deviation of 9


@pytest.mark.parametrize(("given", "share"), [(None, None), ("real", None), ("none", 0), (2, 2), (0.5, 0.5), (0, 0)])
def test_valid_numbers_of_negatives_are_accepted(given, share):
    assert checked_negatives(given, "datamodule.negatives") == share


@pytest.mark.parametrize("given", [-1, "all", True, math.nan, math.inf])
def test_other_numbers_of_negatives_are_refused_by_their_key(given):
    with pytest.raises(ValueError, match=r"datamodule.negatives must be null or real .*, got"):
        checked_negatives(given, "datamodule.negatives")
