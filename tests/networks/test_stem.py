"""The stem: a first convolution that also reads masks, initially without effect."""

from types import SimpleNamespace

import pytest
import timm
import torch
from timm.layers import Conv2dSame
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


# one backbone of each kind of stem in timm: plain, deep, patches, patches of a transformer, padded by the size of the
# image (as in TensorFlow), with standardised filters, and both
STEMS = ("resnet18", "test_resnet", "test_convnext", "test_vit", "tf_mobilenetv3_small_minimal_100", "test_nfnet")
STEMS += ("hrnet_w18_small", "efficientvit_b0", "dm_nfnet_f0", "resnetv2_50x1_bit", "vit_tiny_r_s16_p8_224")


@pytest.mark.parametrize("name", STEMS)
@pytest.mark.parametrize("side", [64, 69])
def test_the_filters_of_the_masks_fit_every_kind_of_stem(name, side):
    with torch.device("meta"):  # without the memory and the time of the rest of the network
        backbone = timm.create_model(name)
    first = backbone.get_submodule(stem_name(backbone, name)).to_empty(device="cpu")
    for parameter in first.parameters():
        nn.init.normal_(parameter)
    stem, image, masks = Stem(first, 2), torch.ones(1, 3, side, side), torch.ones(1, 2, side, side)
    assert torch.equal(stem(torch.cat([image, masks], 1)), first(image))
    stem.masks.weight.data[:] = 1
    assert stem.masks(masks).amax() == 2 * first.weight[0, 0].numel()
    assert stem.masks.weight.shape[2:] == first.weight.shape[2:]


def test_masks_are_padded_by_the_size_of_the_image_as_the_image_is():
    stem = Stem(Conv2dSame(3, 1, 3, stride=2, bias=False), 1)
    nn.init.ones_(stem.rgb.weight)
    nn.init.ones_(stem.masks.weight)
    for side in (8, 9):  # 8: one more column on the right, none on the left
        image = draw(1, "image")[..., :side, :side].expand(-1, 3, -1, -1)
        torch.testing.assert_close(stem.masks(image[:, :1]) * 3, stem.rgb(image))


@pytest.mark.parametrize("description", [{}, {"first_conv": None}])
def test_a_hub_s_description_without_a_first_convolution_counts_as_that_of_timm_s_architecture(description):
    backbone = timm.create_model("resnet10t")
    backbone.pretrained_cfg = {"architecture": "resnet10t"} | description
    assert stem_name(backbone, "hf-hub:owner/name") == "conv1.0"
    backbone.pretrained_cfg = {"architecture": "unheard_of"} | description
    with pytest.raises(ValueError, match="'hf-hub:owner/name' has no single first convolution"):
        stem_name(backbone, "hf-hub:owner/name")
