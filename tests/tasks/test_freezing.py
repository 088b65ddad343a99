"""Tests of freezing: counts of trainable parameters; the last matching pattern decides."""

import pytest
import torch
from parts import make_classifier
from torch import nn

from dermoscopy.tasks.freezing import freeze, frozen_norms

LABELS = ("melanoma", "nevus")


class Coder(nn.Module):
    """A network with the names of smp: 2 x 10 parameters in the encoder, 22 in the decoder, 3 in the head."""

    def __init__(self):
        super().__init__()
        block = lambda: nn.Sequential(nn.Conv2d(1, 2, 1, bias=True), nn.BatchNorm2d(2), nn.PReLU(2))  # noqa: E731
        self.encoder = nn.Module()
        self.encoder.layer1, self.encoder.layer2 = block(), block()
        self.decoder = nn.Sequential(nn.Conv2d(2, 2, 2), nn.BatchNorm2d(2))
        self.head = nn.Conv2d(2, 1, 1)


@pytest.fixture
def network():
    whole = nn.Module()
    whole.model = Coder()
    return whole


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("patterns", "count"),
    [
        ([], 45),
        (["encoder"], 25),
        (["model.encoder"], 25),
        (["encoder.layer1"], 35),
        (["encoder.layer?"], 25),
        (["enc*"], 25),
        (["*layer1.1"], 41),
        (["*.1"], 45 - 3 * 4),
        (["*.bias"], 45 - 2 * 4 - 4 - 1),
        (["model"], None),
        (["*", "!head"], 3),
        (["*", "!encoder.layer1", "!head"], 13),
        (["*", "!model.head"], 3),
        (["!head", "*"], None),
        (["encoder", "!encoder.layer2", "encoder.layer2.2"], 33),
    ],
)
def test_the_last_matching_pattern_decides(network, patterns, count):
    if count is None:
        with pytest.raises(ValueError, match="leaves nothing to train"):
            freeze(network, patterns)
    else:
        freeze(network, patterns)
        assert trainable(network) == count


@pytest.mark.parametrize("backbone", ["resnet10t", "regnetx_002"])
def test_all_but_stem_and_head_of_a_classifier_are_frozen(backbone):
    stem, head = {"resnet10t": ("conv1", "fc"), "regnetx_002": ("stem", "head")}[backbone]
    network = make_classifier(backbone, LABELS, ("lesion",))
    freeze(network, ["*", f"!{stem}", f"!{head}"])
    kept = [network.get_submodule(f"backbone.{name}") for name in (stem, head)]
    assert trainable(network) == sum(p.numel() for module in kept for p in module.parameters())
    assert 0 < trainable(network) < sum(p.numel() for p in network.parameters())


def test_normalisations_without_trainable_parameters_are_frozen(network):
    assert frozen_norms(network) == []
    freeze(network, ["encoder", "decoder.1.bias"])
    assert frozen_norms(network) == [network.model.encoder.layer1[1], network.model.encoder.layer2[1]]
    without = nn.BatchNorm2d(2, affine=False)  # has no parameters, so it is not frozen
    assert frozen_norms(nn.Sequential(without)) == []


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["encodr"], "freeze names 'encodr', which is no part of the network, Module; did you mean encoder"),
        (["*", "!hed"], "freeze names '!hed', .*; did you mean head"),
        (["encoder.layer1", "layer1"], "freeze names 'layer1', .*; did you mean encoder.layer1"),
        ([""], "freeze names ''"),
        ("encoder", r"freeze must be a list of patterns, such as \[encoder\], got 'encoder'"),
        (None, "freeze must be a list of patterns, .* got None"),
    ],
)
def test_patterns_without_a_match_are_named(network, patterns, message):
    with pytest.raises(ValueError, match=message):
        freeze(network, patterns)


def test_frozen_parameters_have_no_gradient(network):
    freeze(network, ["encoder"])
    model = network.model
    model.head(model.decoder(model.encoder.layer1(torch.rand(2, 1, 4, 4)))).sum().backward()
    assert {name.split(".")[1] for name, p in network.named_parameters() if p.grad is not None} == {"decoder", "head"}
