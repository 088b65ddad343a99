"""The stem: a first convolution that also reads masks, initially without effect."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from dermoscopy.machine.randomness import generator
from dermoscopy.networks.stem import Stem, stem_name, widen_stem


@pytest.fixture
def rgb() -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 3, stride=2, padding=1, dilation=1)


def draw(channels: int, name: str) -> torch.Tensor:
    return torch.randn((2, channels, 9, 8), generator=generator(name))


def test_initially_masks_change_nothing(rgb):
    image, mask = draw(3, "image"), draw(2, "mask")
    stem = Stem(rgb, 2)
    assert torch.equal(stem(torch.cat([image, mask], 1)), rgb(image))
    assert torch.equal(stem(image), rgb(image))


def test_with_trained_filters_it_is_one_convolution_over_all_channels(rgb):
    stem, whole = Stem(rgb, 2), nn.Conv2d(5, 4, 3, stride=2, padding=1)
    nn.init.normal_(stem.masks.weight)
    whole.load_state_dict({"weight": torch.cat([rgb.weight, stem.masks.weight], 1), "bias": rgb.bias})
    both = torch.cat([draw(3, "image"), draw(2, "mask")], 1)
    torch.testing.assert_close(stem(both), whole(both))


def test_unknown_masks_equal_no_masks_even_with_trained_filters(rgb):
    stem, image = Stem(rgb, 2), draw(3, "image")
    nn.init.normal_(stem.masks.weight)
    torch.testing.assert_close(stem(torch.cat([image, torch.zeros(2, 2, 9, 8)], 1)), stem(image))


def test_the_filters_of_the_masks_get_a_gradient_though_they_are_zero(rgb):
    stem = Stem(rgb, 1)
    stem(torch.cat([draw(3, "image"), torch.ones(2, 1, 9, 8)], 1)).square().sum().backward()
    assert stem.masks.weight.grad.abs().sum() > 0


def test_the_first_convolution_is_replaced_in_place():
    backbone = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Conv2d(4, 4, 3))
    first = backbone[0][0]
    widen_stem(backbone, "0.0", 2, "mine")
    assert isinstance(backbone[0][0], Stem)
    assert backbone[0][0].rgb is first
    assert backbone(torch.zeros(1, 5, 9, 9)).shape == (1, 4, 5, 5)


@pytest.mark.parametrize("first", [nn.Linear(3, 4), nn.Conv2d(1, 4, 3), nn.Conv2d(3, 6, 3, groups=3)])
def test_a_stem_other_than_a_convolution_over_rgb_is_refused(first):
    with pytest.raises(ValueError, match=r"backbone 'mine'"):
        widen_stem(nn.Sequential(first), "0", 2, "mine")


def test_a_backbone_names_its_first_convolution():
    assert stem_name(SimpleNamespace(pretrained_cfg={"first_conv": "stem.conv"}), "mine") == "stem.conv"
    for cfg in ({}, {"first_conv": ("a", "b")}):
        with pytest.raises(ValueError, match=r"backbone 'mine'"):
            stem_name(SimpleNamespace(pretrained_cfg=cfg), "mine")
