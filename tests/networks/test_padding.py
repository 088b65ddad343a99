"""Padding: images of any size for a network that needs sides of a multiple."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad

from dermoscopy.machine.randomness import generator
from dermoscopy.networks.padding import output_channels, run_padded


def images(height: int, width: int, count: int = 2) -> Tensor:
    return torch.rand((count, 3, height, width), generator=generator(height, width))


class Identity(nn.Module):
    """Network that returns its input and records it."""

    def forward(self, image: Tensor) -> Tensor:
        self.given = image
        return image


@pytest.mark.parametrize(
    ("height", "width", "padded"), [(64, 96, (64, 96)), (33, 64, (64, 64)), (67, 93, (96, 96)), (32, 128, (64, 128))]
)
def test_an_image_is_padded_right_and_below_with_the_mean_colour_and_its_logits_are_cropped_back(height, width, padded):
    network, image = Identity(), images(height, width)
    logits = run_padded(network, image, multiple=32, least=64)
    assert torch.equal(network.given, pad(image, (0, padded[1] - width, 0, padded[0] - height)))
    assert torch.equal(logits, image)


def test_an_image_of_a_fitting_size_is_not_copied():
    network, image = Identity(), images(64, 32)
    run_padded(network, image, multiple=32, least=32)
    assert network.given is image


def test_smaller_logits_are_enlarged_over_the_padded_image_before_they_are_cropped():
    image = images(30, 50)
    logits = run_padded(partial(avg_pool2d, kernel_size=4), image, multiple=16, least=16)
    whole = interpolate(avg_pool2d(pad(image, (0, 14, 0, 2)), 4), (32, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(logits, whole[..., :30, :50])


def test_an_image_smaller_than_the_multiple_is_refused_with_the_least_size():
    with pytest.raises(ValueError, match=r"31 x 64 px .* at least 32"):
        run_padded(Identity(), images(31, 64), multiple=32, least=32)


def test_a_pixel_has_a_logit_per_mask_and_one_for_the_background_of_exclusive_masks():
    assert output_channels(["lesion"], exclusive=False) == 1
    assert output_channels(["a", "b", "c"], exclusive=True) == 4
    with pytest.raises(ValueError, match=r"data\.masks"):
        output_channels([], exclusive=True)
