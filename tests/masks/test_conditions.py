"""Mask conditions: what masks a network is given at evaluation, batch by batch."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from fakes import FakeData
from torch import nn

from dermoscopy.masks.conditions import CONDITIONS, SHARES, check_predicted, masks_at, takes_masks


def every_mask(condition: str, data: FakeData, batch_size: int = 4) -> torch.Tensor:
    """All masks that a condition gives, whatever the size of the batches."""
    give = masks_at(condition, data)
    return torch.cat([give(data.batch(rows)) for rows in data.rows("test").split(batch_size)])


def test_none_gives_no_masks_and_given_and_predicted_those_of_the_batch():
    data = FakeData()
    batch = data.batch(data.rows("test"))
    assert masks_at("none", data)(batch) is None
    assert masks_at("given", data)(batch) is batch["mask"]
    assert masks_at("predicted", data)(batch) is batch["predicted"]


def test_shuffled_gives_each_image_the_masks_of_another_one_and_uses_all():
    data = FakeData()
    own, shuffled = data.masks_of(data.rows("test")), every_mask("shuffled", data)
    pairs = (shuffled[:, None] == own).flatten(2).all(2)  # which image's masks each one is given
    assert pairs.sum(0).tolist() == pairs.sum(1).tolist() == [1] * len(own)
    assert not pairs.diagonal().any()


@pytest.mark.parametrize(("condition", "share"), SHARES.items())
def test_a_part_of_each_mask_is_revealed_in_whole_cells(condition, share):
    data = FakeData(count=40)
    shown = every_mask(condition, data) != 0
    cells = shown.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)  # 16 px in 8 cells a side
    assert torch.equal(cells.all(4), cells.any(4))
    assert torch.equal(shown[:, 0], shown[:, 1])
    assert shown.float().mean().item() == pytest.approx(share, abs=0.04)


def test_what_a_smaller_share_reveals_a_larger_one_reveals_as_well():
    data = FakeData()
    shown = [every_mask(condition, data) != 0 for condition in SHARES]
    for less, more in pairwise(shown):
        assert not (less & ~more).any()


@pytest.mark.parametrize("condition", ["shuffled", "revealed_30"])
def test_what_an_image_is_given_does_not_depend_on_the_batches(condition):
    assert torch.equal(every_mask(condition, FakeData(), 4), every_mask(condition, FakeData(), 7))


def test_predicted_masks_need_a_file():
    for asked in CONDITIONS:
        check_predicted(asked, "model.training_masks", SimpleNamespace(predicted="masks.h5"))
    check_predicted("given", "model.training_masks", SimpleNamespace(predicted=None))
    with pytest.raises(ValueError, match=r"model\.training_masks.*predicted"):
        check_predicted("predicted", "model.training_masks", SimpleNamespace(predicted=None))


class OfMasks(nn.Module):
    def forward(self, image, mask=None): ...


class OfImages(nn.Module):
    def forward(self, image): ...


class OfThree(nn.Module):
    def forward(self, image, mask, age): ...


def test_a_network_says_by_its_arguments_whether_it_takes_masks():
    assert takes_masks(OfMasks())
    assert not takes_masks(OfImages())
    with pytest.raises(ValueError, match=r"OfThree"):
        takes_masks(OfThree())
