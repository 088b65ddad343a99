"""Published weights at hand: the packages hold those of timm's networks, under names that a rule translates."""

from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import segmentation_models_pytorch as smp
import sklearn.datasets
import timm
import torch
from parts import IMAGENET, make_classifier
from PIL import Image
from safetensors.torch import save_file

from dermoscopy.networks import published
from dermoscopy.networks.published import PACKAGES, at_hand, is_file_name, package_of, timm_names
from dermoscopy.networks.segmenter import Segmenter
from dermoscopy.networks.weights import read_weights

PHOTOGRAPHS = [  # of libraries that are installed, and their classes of ImageNet
    (Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"), 652),  # military uniform
    (Path(sklearn.datasets.__file__).parent / "images" / "china.jpg", 698),  # palace
    (Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg", 985),  # daisy
]
UNET = partial(smp.Unet, decoder_channels=(16, 8, 8, 8, 8))


@pytest.fixture(params=sorted(PACKAGES))
def installed(request) -> tuple[str, Path]:
    """A network and the file of weights in its package."""
    path = PACKAGES[request.param].path()
    if path is None:
        pytest.skip(f"{PACKAGES[request.param].distribution} is not installed")
    return request.param, path


@pytest.fixture
def without_packages(monkeypatch) -> None:
    monkeypatch.setattr(published, "find_spec", lambda _: None)


def segmenter(encoder: str, pretrained: str) -> Segmenter:
    rest = {"checkpoint": None, "preprocessing": None, "options": {}}
    return Segmenter(UNET, encoder, ("lesion",), False, **IMAGENET, pretrained=pretrained, **rest)


def test_a_package_holds_every_weight_of_its_network_in_its_order_and_shape(installed) -> None:
    name, path = installed
    own = {n: v.shape for n, v in timm.create_model(name).state_dict().items()}
    translated, _ = timm_names(name, read_weights(path))
    assert {n: v.shape for n, v in translated.items()} == own
    assert list(translated) == list(own)


def test_photographs_are_recognised_with_the_normalisation_of_a_package(installed) -> None:
    name, path = installed
    state, statistics = timm_names(name, read_weights(path))
    network = timm.create_model(name).eval()
    network.load_state_dict(state, strict=True)
    mean, std = (torch.tensor(values)[:, None, None] for values in statistics)
    for file, label in PHOTOGRAPHS:
        image = Image.open(file).convert("RGB")
        left, top, side = (image.width - min(image.size)) // 2, (image.height - min(image.size)) // 2, min(image.size)
        image = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
        with torch.no_grad():
            assert network(((pixels - mean) / std)[None]).argmax() == label, file.name


def test_a_classifier_reads_a_package_and_expects_its_normalisation(installed) -> None:
    name, path = installed
    network = make_classifier(name, ("a", "b"), ("m",), pretrained=str(path))
    state = read_weights(path)
    assert torch.equal(network.backbone.conv_stem.rgb.weight, state["_conv_stem.weight"])
    assert torch.equal(network.backbone.bn2.running_var, state["_bn1.running_var"])
    torch.testing.assert_close(network.preprocessing.mean, torch.full((3,), 127 / 255))
    torch.testing.assert_close(network.preprocessing.std, torch.full((3,), 128 / 255))
    assert network.initial_weights == ""


@pytest.mark.parametrize("encoder", ["tu-{}", "tu-{}.in1k", "timm-{}"])
@pytest.mark.filterwarnings("ignore:`timm-` encoders are deprecated:DeprecationWarning")
def test_an_encoder_reads_a_package_by_every_name_of_the_network(installed, encoder) -> None:
    name, path = installed
    assert at_hand(encoder.format(name), Path("none")) == path
    network = segmenter(encoder.format(name), str(path))
    own = {n.removeprefix("model.encoder.").removeprefix("model."): v for n, v in network.state_dict().items()}
    state, _ = timm_names(name, read_weights(path))
    assert torch.equal(own["conv_stem.weight"], state["conv_stem.weight"])
    assert torch.equal(own["blocks.5.1.conv_pwl.weight"], state["blocks.5.1.conv_pwl.weight"])
    torch.testing.assert_close(network.preprocessing.mean, torch.full((3,), 127 / 255))


def test_weights_of_other_data_than_those_of_a_package_are_not_at_hand_in_it() -> None:
    for name in ("efficientnet_lite0", "tf_efficientnet_lite0.other", "tu-tf_efficientnet_lite2", "resnet18"):
        assert package_of(name) is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("resnet18", "resnet18.pth"),
        ("resnet18.a1_in1k", "resnet18.a1_in1k.safetensors"),
        ("tu-resnet18", "resnet18.bin"),
        ("tu-resnet18", "tu-resnet18.pt"),
        ("hf-hub:owner/name", "name.pth"),
        ("tf_efficientnet_lite0", "tf_efficientnet_lite0.pth"),
    ],
)
def test_without_a_package_a_file_of_the_folder_is_at_hand(tmp_path, without_packages, name, file) -> None:
    assert at_hand(name, tmp_path) is None
    (tmp_path / file).touch()
    assert at_hand(name, tmp_path) == tmp_path / file


def test_a_file_under_timms_names_loads_with_the_normalisation_of_timm(tmp_path) -> None:
    source = timm.create_model("test_resnet")
    save_file(source.state_dict(), file := tmp_path / "test_resnet.safetensors")
    statistics = timm.get_pretrained_cfg("test_resnet").mean
    network = make_classifier("test_resnet", ("a",), pretrained=str(file))
    encoder = segmenter("tu-test_resnet", str(file))
    for own in (network.backbone.state_dict(), encoder.model.encoder.model.state_dict()):
        assert torch.equal(own["layer1.0.conv1.weight"], source.layer1[0].conv1.weight)
    for mean in (network.preprocessing.mean, encoder.preprocessing.mean):
        torch.testing.assert_close(mean, torch.tensor(statistics))


def test_a_file_of_another_network_is_refused_by_its_name(tmp_path) -> None:
    torch.save(timm.create_model("test_vit").state_dict(), file := tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth"):
        make_classifier("test_resnet", ("a",), pretrained=str(file))
    with pytest.raises(ValueError, match="other.pth"):
        segmenter("tu-test_resnet", str(file))


def test_a_file_differs_from_the_name_of_weights_by_its_suffix() -> None:
    assert is_file_name("weights/a.pth") and is_file_name("a.safetensors")
    assert not any(map(is_file_name, (True, False, "imagenet", "noisy-student")))
