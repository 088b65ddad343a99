"""GoogLeNet: its weights from files of torchvision and of this project."""

import pytest
import torch
import torchvision
from parts import IMAGENET

from dermoscopy.networks.googlenet import GoogLeNet


def googlenet(labels=("a", "b"), checkpoint=None, preprocessing=None):
    return GoogLeNet(labels, checkpoint, **IMAGENET, preprocessing=preprocessing)


def test_without_a_file_it_is_that_of_torchvision_with_the_same_draws():
    torch.manual_seed(0)
    expected = torchvision.models.googlenet(weights=None, num_classes=2, aux_logits=False, init_weights=True).eval()
    torch.manual_seed(0)
    network, image = googlenet().eval(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(image), expected(image))


def test_a_file_of_torchvision_loads_without_its_head_and_its_auxiliary_classifiers(tmp_path):
    source = torchvision.models.GoogLeNet(init_weights=False)
    torch.save(source.state_dict(), tmp_path / "w.pth")
    network = googlenet(checkpoint=tmp_path / "w.pth")
    assert torch.equal(network.inception5b.branch1.conv.weight, source.inception5b.branch1.conv.weight)
    torch.testing.assert_close(network.preprocessing.mean, torch.full((3,), 0.5))
    own = googlenet(checkpoint=tmp_path / "w.pth", preprocessing={"mean": [0.1] * 3, "std": [1.0] * 3})
    torch.testing.assert_close(own.preprocessing.mean, torch.full((3,), 0.1))
    torch.save({"state_dict": {f"network.{n}": v for n, v in own.state_dict().items()}}, tmp_path / "own.ckpt")
    again = googlenet(checkpoint=tmp_path / "own.ckpt")
    assert all(torch.equal(v, again.state_dict()[n]) for n, v in own.state_dict().items())


def test_a_file_of_another_network_is_refused(tmp_path):
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match="w.pth"):
        googlenet(checkpoint=tmp_path / "w.pth")
