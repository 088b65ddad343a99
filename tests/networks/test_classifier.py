"""The classifier: mask channels that begin as nothing, weights from files, clear errors."""

import pickle

import pytest
import timm
import torch

from dermoscopy.networks.classifier import Classifier
from dermoscopy.networks.weights import read_weights

LABELS, MASKS = ("a", "b", "c"), ("a", "b")


def images(size: int = 64) -> torch.Tensor:
    return torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("backbone", ["resnet18", "vgg11", "efficientnet_b0", "vit_tiny_patch16_224", "resnetv2_50"])
def test_with_unknown_masks_the_logits_equal_those_of_the_rgb_network(backbone):
    rgb = Classifier(backbone, LABELS).eval()
    torch.manual_seed(0)
    masked = Classifier(backbone, LABELS, MASKS).eval()
    stem = masked.backbone.pretrained_cfg["first_conv"]
    state = {k.replace(f"{stem}.", f"{stem}.rgb."): v for k, v in rgb.backbone.state_dict().items()}
    masked.backbone.load_state_dict(state, strict=False)
    image = images(224 if backbone.startswith("vit") else 64)
    zeros = torch.zeros(4, 2, *image.shape[-2:])
    with torch.no_grad():
        expected = rgb(image)
        torch.testing.assert_close(masked(image, zeros), expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(masked(image, None), expected, rtol=0, atol=1e-5)


def test_known_masks_change_the_logits_once_the_mask_filters_have_learnt():
    network = Classifier("resnet18", LABELS, MASKS)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    mask = torch.ones(4, 2, 64, 64)
    network(images(), mask).square().sum().backward()
    optimizer.step()
    filters = network.backbone.conv1.masks.weight
    assert filters.abs().sum() > 0
    network.eval()
    assert not torch.equal(network(images(), mask), network(images(), -mask))


def test_an_image_only_network_ignores_masks():
    network = Classifier("resnet18", LABELS).eval()
    assert torch.equal(network(images(), torch.ones(4, 2, 64, 64)), network(images()))


def test_weights_of_the_backbone_load_from_a_file_with_another_head(tmp_path):
    source = timm.create_model("resnet18", num_classes=7)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    network = Classifier("resnet18", LABELS, MASKS, checkpoint=tmp_path / "weights.pt")
    assert torch.equal(network.backbone.conv1.rgb.weight, source.conv1.weight)
    assert torch.equal(network.backbone.layer4[0].conv1.weight, source.layer4[0].conv1.weight)
    assert not network.backbone.conv1.masks.weight.any()


def test_an_image_only_checkpoint_of_ours_loads_into_a_network_with_masks_and_back(tmp_path):
    plain = Classifier("resnet18", LABELS)
    torch.save({"state_dict": {f"network.{k}": v for k, v in plain.state_dict().items()}}, tmp_path / "plain.ckpt")
    masked = Classifier("resnet18", LABELS, MASKS, checkpoint=tmp_path / "plain.ckpt")
    torch.save({"state_dict": {f"network.{k}": v for k, v in masked.state_dict().items()}}, tmp_path / "masked.ckpt")
    back = Classifier("resnet18", LABELS, checkpoint=tmp_path / "masked.ckpt")
    for name, value in plain.state_dict().items():
        assert torch.equal(back.state_dict()[name], value), name


def test_weights_of_another_network_are_refused_and_the_layers_named(tmp_path):
    torch.save(timm.create_model("resnet34").state_dict(), tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other.pt has unknown .* layers \(backbone.layer1.2"):
        Classifier("resnet18", LABELS, checkpoint=tmp_path / "other.pt")


class Malicious:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    torch.save({"state_dict": Malicious()}, path)
    with pytest.raises(ValueError, match="never pickled code"):
        read_weights(path)
    path.write_bytes(pickle.dumps(Malicious(), protocol=2))
    with pytest.raises(ValueError, match="never pickled code"):
        read_weights(path)
    assert capsys.readouterr().out == ""


def test_a_missing_file_of_weights_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="network.checkpoint .*none.pt does not exist"):
        read_weights(tmp_path / "none.pt")


def test_an_unknown_backbone_is_answered_with_the_nearest_names():
    with pytest.raises(ValueError, match="'resnet5O' is not a timm model; did you mean .*resnet50"):
        Classifier("resnet5O", LABELS)


def test_pretrained_weights_that_cannot_be_had_name_the_two_ways_out(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(timm.models._builder, "load_state_dict_from_hf", refuse)
    with pytest.raises(ValueError, match="network.pretrained=false, or network.checkpoint=FILE"):
        Classifier("resnet18", LABELS, pretrained=True)
