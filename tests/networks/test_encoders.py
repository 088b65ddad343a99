"""Encoders: their names, published weights and image normalisation."""

import pytest
import segmentation_models_pytorch as smp

from dermoscopy.networks.encoders import check_encoder, published_preprocessing, published_weights


def test_names_of_smp_and_timm_pass_and_a_misspelt_one_is_answered_with_the_nearest():
    for name in ("resnet18", "mit_b0", "tu-resnet18", "tu-test_resnet"):
        check_encoder(name)
    for name, near in (("resnet81", "resnet18"), ("tu-resnet81", "tu-resnet"), ("test_resnet", "resnet")):
        with pytest.raises(ValueError, match=f"'{name}'.*{near}"):
            check_encoder(name)


@pytest.mark.parametrize(
    ("encoder", "pretrained", "weights"),
    [
        ("resnet18", False, None),
        ("tu-resnet18", False, None),
        ("resnet18", True, "imagenet"),
        ("resnet18", "ssl", "ssl"),
        ("tu-resnet18", True, True),
    ],
)
def test_published_weights_are_the_first_or_the_named_ones(encoder, pretrained, weights):
    assert published_weights(encoder, pretrained) == weights


def test_unknown_weights_are_answered_with_the_available_ones():
    with pytest.raises(ValueError, match=r"pretrained=imagnet.*'imagenet'"):
        published_weights("resnet18", "imagnet")
    with pytest.raises(ValueError, match=r"pretrained=a1_in1k.*encoder=tu-resnet18\.a1_in1k"):
        published_weights("tu-resnet18", "a1_in1k")


def test_the_published_normalisation_is_returned_for_rgb_in_0_to_1(monkeypatch):
    shares = {"input_space": "RGB", "input_range": [0, 1], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    monkeypatch.setattr(smp.encoders, "get_preprocessing_params", lambda *_: shares)
    assert published_preprocessing("resnet18", True) == (shares["mean"], shares["std"])
    bytes_ = {"input_space": "RGB", "input_range": [0, 255], "mean": [51.0, 102.0, 0.0], "std": [255.0, 25.5, 51.0]}
    monkeypatch.setattr(smp.encoders, "get_preprocessing_params", lambda *_: bytes_)
    assert published_preprocessing("resnet18", True) == ([0.2, 0.4, 0.0], [1.0, 0.1, 0.2])


def test_an_encoder_of_another_order_of_colours_is_refused(monkeypatch):
    monkeypatch.setattr(smp.encoders, "get_preprocessing_params", lambda *_: {"input_space": "BGR"})
    with pytest.raises(ValueError, match="'resnet18' reads BGR"):
        published_preprocessing("resnet18", True)
