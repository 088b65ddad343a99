"""The Y-net: labels from a segmenter's features, in one pass, at any size, without unneeded computation."""

from functools import partial

import pytest
import segmentation_models_pytorch as smp
import torch
from builders import composed
from hydra.utils import instantiate
from torch import nn

from dermoscopy.networks.segmenter import Segmenter
from dermoscopy.networks.ynet import HEAD_LEVELS, YNet

ENCODER = "tu-test_resnet"  # small, with features at strides 2 to 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
UNET = partial(smp.Unet, decoder_channels=(24, 16, 8, 8, 8))


def ynet(head_level="decoder", architecture=UNET, encoder=ENCODER, mean=MEAN, std=STD, dropout=0.0):
    torch.manual_seed(0)
    segmenter = Segmenter(architecture, encoder, ("lesion", "hair"), False, mean, std, False, None, None, {})
    return YNet(segmenter, ("a", "b", "c"), head_level, dropout).eval()


def images(height=64, width=64, count=2):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def passes(module):
    """Return a list that grows with every call of the module."""
    calls = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


class Unneeded(nn.Module):
    """Module that must not be called."""

    def forward(self, *_):
        raise AssertionError("computed without need")


@pytest.mark.parametrize("head_level", HEAD_LEVELS)
def test_labels_and_masks_of_an_odd_size_come_from_one_pass_of_the_encoder(head_level):
    network, image = ynet(head_level), images(67, 93)
    encoded = passes(network.segmenter.model.encoder)
    labels, masks = network.forward_joint(image)
    assert (labels.shape, masks.shape, len(encoded)) == ((2, 3), (2, 2, 67, 93), 1)
    assert torch.equal(network(image), labels)


@pytest.mark.parametrize("encoder", [ENCODER, "tu-test_convnext", "mobilenet_v2"])
@pytest.mark.parametrize("head_level", HEAD_LEVELS)
def test_the_masks_are_those_of_the_segmenter_alone(head_level, encoder):
    network, image = ynet(head_level, encoder=encoder), images(67, 93)
    assert torch.equal(network.forward_joint(image)[1], network.segmenter(image))


def test_the_block_between_encoder_and_decoder_that_vgg_has_is_not_left_out():
    network, image = ynet(), images()
    channels = network.segmenter.model.encoder.out_channels[-1]
    network.segmenter.model.decoder.center = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
    assert torch.equal(network.forward_joint(image)[1], network.segmenter(image))


@pytest.mark.parametrize(("head_level", "stride"), [("encoder", 8), ("bottleneck", 32), ("decoder", 8)])
def test_the_label_head_reads_features_at_the_stride_of_its_level_and_only_of_the_image(head_level, stride):
    network, seen = ynet(head_level), []
    network.head.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[-2:]))
    network(images(67, 93))
    assert seen == [(-(-67 // stride), -(-93 // stride))]


@pytest.mark.parametrize("head_level", HEAD_LEVELS)
def test_the_gradient_of_the_labels_reaches_the_stem_and_no_part_after_their_features(head_level):
    network = ynet(head_level).train()
    network.forward_joint(images())[0].square().sum().backward()
    stem = next(network.segmenter.model.encoder.parameters())
    assert stem.grad.abs().sum() > 0
    blocks = network.segmenter.model.decoder.blocks
    reached = [any(p.grad is not None and p.grad.any() for p in block.parameters()) for block in blocks]
    assert reached == [head_level == "decoder"] * 2 + [False] * 3


@pytest.mark.parametrize("head_level", HEAD_LEVELS)
def test_labels_alone_are_computed_without_the_parts_that_only_masks_need(head_level):
    network = ynet(head_level)
    expected = network(images())
    model = network.segmenter.model
    model.segmentation_head = Unneeded()
    if head_level == "decoder":
        model.decoder.blocks = nn.ModuleList([*model.decoder.blocks[:2], *(Unneeded() for _ in range(3))])
    else:
        model.decoder = Unneeded()
    assert torch.equal(network(images()), expected)


def test_the_image_is_normalised_for_the_encoder():
    network, other = ynet(), ynet(mean=(0.5,) * 3, std=(0.25,) * 3)
    network.segmenter.preprocessing.expect((0.4,) * 3, (0.3,) * 3)
    other.load_state_dict(network.state_dict(), strict=True)
    raw = images().sigmoid()
    inputs = [
        (raw - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        for mean, std in ((MEAN, STD), ((0.5,) * 3, (0.25,) * 3))
    ]
    torch.testing.assert_close(network(inputs[0]), other(inputs[1]), rtol=1e-4, atol=1e-5)


def test_dropout_acts_before_the_linear_layer_and_only_in_training():
    network = ynet("encoder", dropout=0.5)
    (dropout,) = (module for module in network.head if isinstance(module, nn.Dropout))
    dropout.p = 1.0  # so that all features are dropped
    assert not torch.equal(network(images())[0], network(images())[1])
    expected = network.head[-1].bias.detach().expand(2, 3)
    assert torch.equal(network.train()(images()), expected)


def test_a_segmenter_with_logits_smaller_than_the_image_gives_both_at_any_size():
    network, image = ynet("bottleneck", partial(smp.FPN, upsampling=1)), images(67, 93)
    labels, masks = network.forward_joint(image)
    assert torch.equal(masks, network.segmenter(image))
    torch.testing.assert_close(labels, network(image))


def test_a_segmenter_without_an_encoder_is_refused():
    with pytest.raises(ValueError, match="segmenter Linear has no encoder .*: choose one of"):
        YNet(torch.nn.Linear(1, 1), ["x"], "bottleneck", 0.0)


def test_an_unknown_level_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="head_level must be one of .*'decodr'; did you mean decoder"):
        ynet("decodr")


def test_the_decoder_of_no_unet_is_refused_with_the_available_levels():
    with pytest.raises(ValueError, match="decoder needs the decoder of a Unet, FPN has another: .*head_level=encoder"):
        ynet("decoder", smp.FPN)


@pytest.mark.parametrize(("head_level", "depth"), [("encoder", 2), ("decoder", 3)])
def test_an_encoder_too_shallow_for_the_level_is_refused(head_level, depth):
    shallow = partial(smp.Unet, encoder_depth=depth, decoder_channels=(8,) * depth)
    with pytest.raises(
        ValueError, match=f"head_level={head_level} needs .*encoder_depth={depth + 1} .*head_level=bottleneck"
    ):
        ynet(head_level, shallow)


def test_too_small_an_image_is_refused_as_in_the_segmenter():
    with pytest.raises(ValueError, match="16 x 64 px are too small .*data.size must be at least 32"):
        ynet()(images(16, 64))


@pytest.mark.parametrize("name", ["unet", "unetplusplus"])
def test_the_segmenter_of_the_configuration_can_be_exchanged(name):
    head_level = "decoder" if name == "unet" else "encoder"
    given = {"+data.masks": "[a,b]", "+data.labels": "[x]", "+exclusive": "false", "network.head_level": head_level}
    given |= {"+datamodule.mean": [*MEAN], "+datamodule.std": [*STD], "network@network.segmenter": name}
    given |= {"+protocol.decoder_channels": [256, 128, 64, 32, 16]}
    given |= {"network.segmenter.encoder": ENCODER, "network.segmenter.pretrained": "false"}
    cfg = composed("network/ynet", *(f"{key}={value}" for key, value in given.items())).network
    labels, masks = instantiate(cfg).eval().forward_joint(images(32, 32))
    assert (labels.shape, masks.shape) == ((2, 1), (2, 2, 32, 32))
