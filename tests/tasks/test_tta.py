"""Views at test: each is another one, and they change nothing for a network that turns with its image."""

import itertools

import pytest
import torch

from dermoscopy.tasks.tta import TTA, mean_over_tta, turn, turn_back

IMAGE = torch.arange(2 * 3 * 5 * 7.0).view(2, 3, 5, 7)


@pytest.mark.parametrize("tta", TTA)
def test_every_view_is_distinct_and_turned_back_to_the_image(tta):
    shown = [turn(IMAGE, *view) for view in TTA[tta]]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(shown, 2))
    assert all(torch.equal(turn_back(image, *view), IMAGE) for image, view in zip(shown, TTA[tta], strict=True))


@pytest.mark.parametrize("tta", TTA)
def test_views_change_nothing_for_a_network_that_turns_with_its_image(tta):
    torch.testing.assert_close(mean_over_tta(lambda image: image[:, :1] ** 2, IMAGE, tta), IMAGE[:, :1] ** 2)


def test_views_take_the_mean_over_what_a_network_says_of_each():
    def says_where(image):
        return torch.arange(image.shape[3]).expand(len(image), 1, image.shape[2], -1).float()

    assert torch.equal(mean_over_tta(says_where, IMAGE, "flips"), torch.full((2, 1, 5, 7), 3.0))
