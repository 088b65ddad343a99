"""Colour maps: affine maps of RGB, composed and applied as matrices."""

import colorsys
import math

import pytest
import torch

from dermoscopy.data.augment.colour import apply_colour, compose, normalisation, turn_about_grey
from dermoscopy.machine.randomness import generator

CPU = torch.device("cpu")


def maps(count: int, name: str) -> torch.Tensor:
    return torch.randn((count, 3, 4), generator=generator(name))


def test_normalisation_takes_bytes_to_mean_0_and_deviation_1():
    mean, std = (0.5, 0.4, 0.2), (0.2, 0.25, 0.5)
    image = 255 * torch.rand((2, 3, 4, 5), generator=generator("image"))
    expected = (image / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(apply_colour(normalisation(mean, std), image), expected)


def test_a_map_is_applied_to_each_pixel_of_its_image():
    image, colour = torch.rand((2, 3, 2, 2), generator=generator("image")), maps(2, "colour")
    moved = apply_colour(colour, image)
    for number, row, column in ((0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 1)):
        expected = colour[number, :, :3] @ image[number, :, row, column] + colour[number, :, 3]
        torch.testing.assert_close(moved[number, :, row, column], expected)
    out = torch.empty_like(image)
    assert apply_colour(colour, image, out) is out
    assert torch.equal(out, moved)


def test_composed_maps_are_the_outer_one_after_the_inner_one():
    image, inner, outer = torch.rand((3, 3, 4, 4), generator=generator("image")), maps(3, "inner"), maps(1, "outer")[0]
    torch.testing.assert_close(
        apply_colour(compose(outer, inner), image), apply_colour(outer, apply_colour(inner, image))
    )


def test_a_third_of_a_turn_about_grey_turns_red_into_green_and_green_into_blue():
    turn = turn_about_grey(torch.tensor([[[2 * math.pi / 3]]]), CPU)[0]
    torch.testing.assert_close(turn, torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("degrees", [-30, 7, 90])
def test_a_turn_about_grey_leaves_grey_and_distances_alone_and_shifts_the_hue(degrees):
    turn = turn_about_grey(torch.tensor([[[math.radians(degrees)]]]), CPU)[0]
    torch.testing.assert_close(turn @ torch.ones(3), torch.ones(3))
    torch.testing.assert_close(turn @ turn.T, torch.eye(3), atol=1e-6, rtol=0)
    reddish = 0.5 + 0.1 * torch.tensor([2.0, -1, -1]) / 6**0.5
    hue = colorsys.rgb_to_hsv(*(turn @ reddish).tolist())[0] * 360
    assert math.remainder(hue - degrees, 360) == pytest.approx(0, abs=5)  # hue runs along a hexagon, not a circle


def test_no_turn_is_the_identity():
    assert torch.equal(turn_about_grey(torch.zeros(2, 1, 1), CPU), torch.eye(3).expand(2, 3, 3))
