"""Tests of test-time augmentation: all views differ, and they change nothing for an equivariant network."""

import itertools

import pytest
import torch

from dermoscopy.tasks.tta import TTA, mean_over_tta, turn, turn_back

IMAGE = torch.arange(2 * 3 * 5 * 7.0).view(2, 3, 5, 7)


@pytest.mark.parametrize("tta", TTA)
def test_all_views_differ_and_are_restored_to_the_image(tta):
    views = [turn(IMAGE, *view) for view in TTA[tta]]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(views, 2))
    assert all(torch.equal(turn_back(image, *view), IMAGE) for image, view in zip(views, TTA[tta], strict=True))


@pytest.mark.parametrize("tta", TTA)
def test_views_change_nothing_for_an_equivariant_network(tta):
    torch.testing.assert_close(mean_over_tta(lambda image: image[:, :1] ** 2, IMAGE, tta), IMAGE[:, :1] ** 2)


def test_the_result_is_the_mean_of_the_predictions_for_all_views():
    def column_index(image):
        return torch.arange(image.shape[3]).expand(len(image), 1, image.shape[2], -1).float()

    assert torch.equal(mean_over_tta(column_index, IMAGE, "flips"), torch.full((2, 1, 5, 7), 3.0))
