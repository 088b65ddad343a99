"""Mask conditions: the masks that a network receives at evaluation, batch by batch."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from fakes import FakeData
from torch import nn

from dermoscopy.masks.conditions import CONDITIONS, SHARES, check_predicted, masks_at, takes_masks


def every_mask(condition: str, data: FakeData, batch_size: int = 4) -> torch.Tensor:
    """Return all masks of the test images under a condition, for any batch size."""
    masks = masks_at(condition, data)
    return torch.cat([masks(data.batch(rows)) for rows in data.rows("test").split(batch_size)])


def test_none_gives_no_masks_and_given_and_predicted_those_of_the_batch():
    data = FakeData()
    batch = data.batch(data.rows("test"))
    assert masks_at("none", data)(batch) is None
    assert masks_at("given", data)(batch) is batch["mask"]
    assert masks_at("predicted", data)(batch) is batch["predicted"]


def test_shuffled_gives_each_image_the_masks_of_another_one_and_uses_all():
    data = FakeData()
    own, shuffled = data.masks_of(data.rows("test")), every_mask("shuffled", data)
    pairs = (shuffled[:, None] == own).flatten(2).all(2)  # whose masks each image receives
    assert pairs.sum(0).tolist() == pairs.sum(1).tolist() == [1] * len(own)
    assert not pairs.diagonal().any()


@pytest.mark.parametrize(("condition", "share"), SHARES.items())
def test_part_of_each_mask_is_revealed_in_whole_cells(condition, share):
    data = FakeData(count=40)
    visible = every_mask(condition, data) != 0
    cells = visible.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)  # 16 px in 8 cells per side
    assert torch.equal(cells.all(4), cells.any(4))
    assert torch.equal(visible[:, 0], visible[:, 1])
    assert visible.float().mean().item() == pytest.approx(share, abs=0.04)


def test_cells_revealed_at_a_smaller_share_are_revealed_at_a_larger_one():
    data = FakeData()
    visible = [every_mask(condition, data) != 0 for condition in SHARES]
    for less, more in pairwise(visible):
        assert not (less & ~more).any()


@pytest.mark.parametrize("condition", ["shuffled", "revealed_30"])
def test_the_masks_of_an_image_do_not_depend_on_the_batches(condition):
    assert torch.equal(every_mask(condition, FakeData(), 4), every_mask(condition, FakeData(), 7))


def test_predicted_masks_need_a_file():
    for condition in CONDITIONS:
        check_predicted(condition, "model.training_masks", SimpleNamespace(predicted="masks.h5"))
    check_predicted("given", "model.training_masks", SimpleNamespace(predicted=None))
    with pytest.raises(ValueError, match=r"model\.training_masks.*predicted"):
        check_predicted("predicted", "model.training_masks", SimpleNamespace(predicted=None))


class MaskNetwork(nn.Module):
    def forward(self, image, mask=None): ...


class ImageNetwork(nn.Module):
    def forward(self, image): ...


class AgeNetwork(nn.Module):
    def forward(self, image, mask, age): ...


def test_the_arguments_of_a_network_determine_whether_it_takes_masks():
    assert takes_masks(MaskNetwork())
    assert not takes_masks(ImageNetwork())
    with pytest.raises(ValueError, match=r"AgeNetwork"):
        takes_masks(AgeNetwork())
