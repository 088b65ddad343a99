"""The segmenter: every architecture at any size, images as each encoder expects them, its parts and their errors."""

import json
from functools import partial

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from builders import CONF, composed
from hydra.utils import instantiate
from safetensors.torch import save_file

from dermoscopy.config.choices import groups
from dermoscopy.networks.encoders import published_preprocessing
from dermoscopy.networks.normalisation import Preprocessing
from dermoscopy.networks.padding import run_padded
from dermoscopy.networks.segmenter import Segmenter

OTHERS = ("cascade", "classifier", "googlenet", "image_classifier", "unet_light", "unet_mobilenet", "ynet")
ARCHITECTURES = [
    name for name in groups(CONF)["network"] if name not in OTHERS and not name.startswith("improved_unet")
]
ENCODER = "tu-test_resnet"  # small, and trained with another normalisation than ImageNet's
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NO_WEIGHTS = {"pretrained": False, "checkpoint": None, "preprocessing": None, "options": {}}


SMALL = partial(smp.Unet, decoder_channels=(16, 8, 8, 8, 8))


def segmenter(architecture=SMALL, encoder=ENCODER, masks=("lesion",), exclusive=False, **rest):
    return Segmenter(architecture, encoder, masks, exclusive, **{"mean": MEAN, "std": STD} | NO_WEIGHTS | rest)


def images(height=64, width=64, count=1):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def logits(network, image):
    with torch.no_grad():
        return network.eval()(image)


def configuration(name):
    """Return the configuration of a choice of the group network."""
    given = {"+data.masks": "[a,b]", "+exclusive": "false", "+datamodule.mean": [*MEAN], "+datamodule.std": [*STD]}
    given |= {"network.encoder": ENCODER, "network.pretrained": "false"}
    given |= {"+protocol.decoder_channels": [16, 8, 8, 8, 8]}
    return composed(f"network/{name}", *(f"{key}={value}" for key, value in given.items())).network


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_gives_logits_of_an_odd_size_and_its_weights_load_strictly(name):
    cfg, image = configuration(name), images(67, 93)
    network, again = instantiate(cfg), instantiate(cfg)
    output = logits(network, image)
    assert output.shape == (1, 2, 67, 93)
    again.load_state_dict(network.state_dict(), strict=True)
    torch.testing.assert_close(logits(again, image), output)
    assert {name.split(".")[0] for name, _ in again.named_parameters()} == {"model"}
    assert any(name.startswith("model.encoder.") for name, _ in again.named_parameters())


def test_all_eleven_architectures_have_a_file():
    assert len(ARCHITECTURES) == 11


@pytest.mark.parametrize(
    ("masks", "exclusive", "channels"), [(["a"], False, 1), (["a", "b"], False, 2), (["a", "b"], True, 3)]
)
def test_there_is_one_channel_per_mask_and_one_for_the_background_of_exclusive_masks(masks, exclusive, channels):
    assert logits(segmenter(masks=masks, exclusive=exclusive), images()).shape == (1, channels, 64, 64)


def test_an_image_of_a_fitting_size_goes_through_smp_unchanged():
    network, image = segmenter(), images(64, 96)
    assert torch.equal(logits(network, image), network.model.eval()(image).detach())


def test_an_image_is_padded_with_the_mean_colour_and_its_logits_are_cropped_back():
    network, image = segmenter(), images(40, 50)
    canvas = torch.zeros(1, 3, 64, 64)
    canvas[..., :40, :50] = image
    assert torch.equal(logits(network, image), logits(network, canvas)[..., :40, :50])


def test_padding_and_cropping_undo_each_other():
    image = images(67, 93)
    seen = []
    assert torch.equal(run_padded(lambda x: seen.append(x.shape[-2:]) or x, image, multiple=8, least=80), image)
    assert seen == [(80, 96)]


def test_logits_smaller_than_the_image_are_enlarged():
    small = segmenter(partial(smp.FPN, upsampling=1))
    assert small.model.eval()(images()).shape[-1] == 16
    assert logits(small, images(67, 93)).shape == (1, 1, 67, 93)


def test_the_layout_channels_last_is_kept():
    network = segmenter().to(memory_format=torch.channels_last)
    network.preprocessing.expect((0.5,) * 3, (0.5,) * 3)
    seen = []
    network.model.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    logits(network, images(67, 93).contiguous(memory_format=torch.channels_last))
    assert seen[0].shape[-2:] == (96, 96)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


RANGE_255 = {"input_space": "RGB", "input_range": [0, 255], "mean": [123.7, 116.3, 103.5], "std": [1.0, 2.0, 57.1]}


@pytest.mark.parametrize("published", [smp.encoders.get_preprocessing_params(ENCODER), RANGE_255])
def test_the_model_reads_a_raw_image_preprocessed_for_its_encoder(monkeypatch, published):
    monkeypatch.setattr(smp.encoders, "get_preprocessing_params", lambda *_: published)
    raw = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.float32)
    by_hand = smp.encoders._preprocessing.preprocess_input(raw, **published).transpose(2, 0, 1)
    batch = ((raw / 255 - np.array(MEAN)) / np.array(STD)).transpose(2, 0, 1)[None].astype(np.float32)
    preprocessing = Preprocessing(MEAN, STD)
    preprocessing.expect(*published_preprocessing(ENCODER, True))
    converted = preprocessing(torch.from_numpy(batch))
    torch.testing.assert_close(converted[0].double(), torch.from_numpy(by_hand).double(), rtol=1e-5, atol=1e-4)


def test_images_normalised_for_the_encoder_are_not_changed():
    preprocessing, image = Preprocessing(MEAN, STD), images()
    assert preprocessing(image) is image
    preprocessing.expect(*published_preprocessing("tu-resnet18", True))
    assert preprocessing(image) is image


def test_the_normalisation_of_the_weights_is_saved_and_loaded_with_them():
    network, image = segmenter(), images()
    network.preprocessing.expect((0.5,) * 3, (0.25,) * 3)
    again = segmenter()
    again.load_state_dict(network.state_dict(), strict=True)
    assert torch.equal(logits(again, image), logits(network, image))
    other = segmenter(mean=(0.5,) * 3, std=(0.25,) * 3)  # data with another normalisation
    other.load_state_dict(network.state_dict(), strict=True)
    assert other.preprocessing(image) is image


def test_pretrained_takes_published_weights_and_preprocessing(monkeypatch, tmp_path):
    torch.manual_seed(1)
    encoder = smp.encoders.get_encoder("mobilenet_v2", weights=None)
    save_file(encoder.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"mean": [0.5] * 3, "std": [0.25] * 3}))
    monkeypatch.setattr(smp.encoders, "hf_hub_download", lambda _, filename, **__: tmp_path / filename)
    network = segmenter(encoder="mobilenet_v2", pretrained=True)
    for name, value in encoder.state_dict().items():
        assert torch.equal(network.model.encoder.state_dict()[name], value), name
    assert network.preprocessing.mean.tolist() == [0.5] * 3
    assert network.preprocessing.std.tolist() == [0.25] * 3


def test_pretrained_weights_that_are_unavailable_name_the_two_alternatives(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(smp.encoders, "hf_hub_download", refuse)
    with pytest.raises(ValueError, match="'resnet18' .*pretrained=false, or checkpoint=FILE"):
        segmenter(encoder="resnet18", pretrained=True)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("resnet18", r"pretrained=noisy: resnet18 has the weights \['imagenet', 'ssl', 'swsl'\]"),
        (ENCODER, "pretrained must be true, false or a file .*'noisy'"),
    ],
)
def test_published_weights_of_an_unknown_name_are_answered_with_the_available_ones(encoder, message):
    with pytest.raises(ValueError, match=message):
        segmenter(encoder=encoder, pretrained="noisy")


@pytest.mark.parametrize(
    ("encoder", "near"),
    [("resnet5O", "did you mean .*resnet50"), ("tu-convnext_atom", "did you mean tu-convnext_atto")],
)
def test_an_unknown_encoder_is_answered_with_the_nearest_names(encoder, near):
    with pytest.raises(ValueError, match=f"encoder '{encoder}' is neither.*{near}"):
        segmenter(encoder=encoder)


@pytest.mark.parametrize(
    ("architecture", "encoder", "reason"),
    [
        (smp.DeepLabV3, "densenet121", "do not support dilated mode"),
        (smp.Linknet, "mit_b0", "not supported for Linknet"),
        (smp.FPN, "tu-test_vit", "Unsupported model downsampling"),
    ],
)
def test_an_encoder_that_the_architecture_cannot_take_is_refused_with_the_reason(architecture, encoder, reason):
    with pytest.raises(ValueError, match=f"cannot be built with encoder '{encoder}' .*{reason}"):
        segmenter(architecture, encoder)


def test_an_encoder_of_a_single_image_size_is_refused_when_it_is_built():
    with pytest.raises(ValueError, match="encoder 'tu-swinv2_cr_tiny_224' reads no image of 128 px"):
        segmenter(smp.PSPNet, "tu-swinv2_cr_tiny_224")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("decoder_chanels", "Unet has no option architecture.decoder_chanels; did you mean decoder_channels"),
        ("classes", "architecture.classes is set by the network itself"),
        ("activation", "architecture.activation is set by the network itself"),
    ],
)
def test_options_that_smp_would_drop_or_that_the_segmenter_sets_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        segmenter(partial(smp.Unet, **{option: 3}), "resnet18")


def test_an_option_with_a_value_that_does_not_fit_is_one_line():
    with pytest.raises(ValueError, match=r"Unet cannot be built .*decoder_channels") as caught:
        segmenter(partial(smp.Unet, decoder_channels=[8, 8]))
    assert "\n" not in str(caught.value)


def test_an_image_smaller_than_a_cell_of_the_network_is_refused_with_the_least_size():
    with pytest.raises(ValueError, match="16 x 64 px are too small .*data.size must be at least 32"):
        segmenter()(images(16, 64))


def test_no_masks_are_refused():
    with pytest.raises(ValueError, match="masks is empty"):
        segmenter(masks=())


def test_options_reach_the_timm_model_of_an_encoder_and_others_are_refused():
    network = segmenter(encoder="tu-resnet18", options={"drop_path_rate": 0.2})
    rates = [module.drop_prob for module in network.modules() if type(module).__name__ == "DropPath"]
    assert rates and max(rates) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="drop_pat_rate"):
        segmenter(encoder="tu-resnet18", options={"drop_pat_rate": 0.2})
    with pytest.raises(ValueError, match=r"options .*encoder=resnet18"):
        segmenter(encoder="resnet18", options={"drop_path_rate": 0.2})
