"""Weights from files: a part of a network or all of it, a head of another size, checkpoints of this project."""

from functools import partial

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from parts import make_classifier
from safetensors.torch import save_file

from dermoscopy.networks.segmenter import HEAD, PLACES, Segmenter
from dermoscopy.networks.weights import load_matching, read_tensors, read_weights

ENCODER, IMAGENET = "tu-test_resnet", {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
NO_WEIGHTS = {"pretrained": False, "checkpoint": None, "preprocessing": None, "options": {}}
SMALL = partial(smp.Unet, decoder_channels=(16, 8, 8, 8, 8))


def segmenter(masks=("lesion",), encoder=ENCODER, **rest):
    return Segmenter(SMALL, encoder, masks, False, **IMAGENET | NO_WEIGHTS | rest)


def _mask_filters(classifier):
    return classifier.get_parameter(f"backbone.{classifier.stem}.masks.weight")


def same(module, state):
    own = module.state_dict()
    return all(torch.equal(own[name], value) for name, value in state.items())


def test_weights_of_an_encoder_alone_load_and_the_decoder_stays_new(tmp_path):
    encoder = smp.encoders.get_encoder(ENCODER, weights=None)
    save_file(encoder.state_dict(), tmp_path / "encoder.safetensors")
    assert same(segmenter(checkpoint=tmp_path / "encoder.safetensors").model.encoder, encoder.state_dict())


def test_weights_of_a_timm_backbone_load_into_its_encoder_without_the_backbones_head(tmp_path):
    backbone = timm.create_model("test_resnet", num_classes=7)
    torch.save(backbone.state_dict(), tmp_path / "backbone.pt")
    loaded = segmenter(checkpoint=tmp_path / "backbone.pt").model.encoder.model
    kept = {name: value for name, value in backbone.state_dict().items() if not name.startswith("fc.")}
    assert len(kept) < len(backbone.state_dict())
    assert same(loaded, kept)


TIMM = ("convnext_atto", "densenet121", "repvgg_a0", "ghostnet_050", "fastvit_t8", "edgenext_xx_small", "mobileone_s0")


@pytest.mark.parametrize("name", TIMM)
def test_a_file_of_timm_loads_whole_where_timm_renames_the_layers_of_its_features(tmp_path, name):
    backbone = timm.create_model(name, num_classes=7)
    torch.save(backbone.state_dict(), file := tmp_path / f"{name}.pth")
    network = segmenter(encoder=f"tu-{name}", pretrained=str(file), preprocessing=IMAGENET)
    known = {value.numpy().tobytes() for value in backbone.state_dict().values()}
    assert all(value.numpy().tobytes() in known for value in network.model.encoder.state_dict().values())


def test_tensors_that_a_file_lacks_or_that_have_no_place_are_counted(tmp_path):
    torch.save(timm.create_model("test_resnet", num_classes=7).state_dict(), tmp_path / "backbone.pt")
    network = segmenter(checkpoint=tmp_path / "backbone.pt")
    fresh = [n for n in network.state_dict() if n.startswith(("model.decoder", "model.segmentation_head"))]
    fresh = [n for n in fresh if not n.endswith("num_batches_tracked")]
    assert f"{len(fresh)} tensors" in network.initial_weights and "2 tensors" in network.initial_weights
    torch.save(network.state_dict(), tmp_path / "whole.pt")
    assert segmenter(checkpoint=tmp_path / "whole.pt").initial_weights == ""


def test_weights_of_an_smp_model_load_and_a_head_of_another_size_stays_new(tmp_path):
    model = SMALL(ENCODER, encoder_weights=None, classes=5)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    network = segmenter(checkpoint=tmp_path / "model.pt")
    assert same(network.model.encoder, model.encoder.state_dict())
    assert same(network.model.decoder, model.decoder.state_dict())
    assert network.model.segmentation_head[0].out_channels == 1
    assert "2 tensors (model.segmentation_head.0.bias, model.segmentation_head.0.weight)" in network.initial_weights
    assert "another size" in network.initial_weights and "lacks" not in network.initial_weights


def test_a_checkpoint_of_this_project_loads_with_its_normalisation_and_without_its_loss(tmp_path):
    source = segmenter(masks=("a", "b"))
    source.preprocessing.expect((0.5,) * 3, (0.25,) * 3)
    state = {f"network.{name}": value for name, value in source.state_dict().items()} | {"loss.weight": torch.ones(2)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "best.ckpt")
    assert same(segmenter(masks=("c", "d"), checkpoint=tmp_path / "best.ckpt"), source.state_dict())
    other = segmenter(checkpoint=tmp_path / "best.ckpt")
    assert same(other.model.decoder, source.model.decoder.state_dict())
    assert other.preprocessing.mean.tolist() == [0.5] * 3


def test_a_checkpoint_of_a_classifier_loads_without_the_weights_of_its_loss(tmp_path):
    source = make_classifier("test_resnet", ("a", "b"))
    state = {f"network.{name}": value for name, value in source.state_dict().items()}
    torch.save({"state_dict": state | {"loss.pos_weight": torch.ones(2)}}, tmp_path / "best.ckpt")
    assert set(read_weights(tmp_path / "best.ckpt")) == set(source.state_dict())
    assert same(make_classifier("test_resnet", ("a", "b"), checkpoint=tmp_path / "best.ckpt"), source.state_dict())


def test_files_from_before_batch_norm_counted_its_batches_load(tmp_path):
    state = smp.encoders.get_encoder(ENCODER, weights=None).state_dict()
    old = {name: value for name, value in state.items() if "num_batches_tracked" not in name}
    assert len(old) < len(state)
    torch.save(old, tmp_path / "old.pt")
    assert same(segmenter(checkpoint=tmp_path / "old.pt").model.encoder, old)


@pytest.mark.parametrize("content", ["text", "table", "legacy", "zip", "empty", "none"])
@pytest.mark.parametrize("suffix", ["pth", "ckpt", "safetensors"])
def test_bytes_that_are_no_weights_are_named(tmp_path, content, suffix):
    torch.save({"a": torch.ones(1000)}, whole := tmp_path / "whole", _use_new_zipfile_serialization=content == "zip")
    parts = {"text": b"epoch,loss\n1,0.5\n", "table": b"{}", "empty": b"", "none": b"\x00" * 40}
    saved = whole.read_bytes()
    for cut in (1, 8, 30, 100, len(saved) // 2, len(saved) - 5) if content in ("legacy", "zip") else (len(saved),):
        (path := tmp_path / f"bad.{suffix}").write_bytes(parts.get(content, saved)[:cut])
        with pytest.raises(ValueError, match=f"bad.{suffix} (is not a readable file of|holds no) weights"):
            read_weights(path)


@pytest.mark.parametrize("place", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("content", [None, [torch.ones(1)], 3, {}, {0: torch.ones(1)}, {"a": 1}])
def test_files_without_a_tensor_that_has_a_name_are_refused(tmp_path, place, content):
    torch.save(content if place is None else {place: content, "epoch": 1}, path := tmp_path / "odd.pth")
    with pytest.raises(ValueError, match="odd.pth holds no weights"):
        read_weights(path)


@pytest.mark.parametrize("place", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_weights_that_another_program_wraps_load(tmp_path, place, prefix):
    backbone = timm.create_model("test_resnet", num_classes=7)
    state = {prefix + name: value for name, value in backbone.state_dict().items()}
    torch.save(state if place is None else {place: state, "optimizer": {"lr": 1}}, file := tmp_path / "wrapped.pth")
    network = make_classifier("test_resnet", ("a",), checkpoint=file)
    assert torch.equal(network.backbone.layer1[0].conv1.weight, backbone.layer1[0].conv1.weight)
    encoder = segmenter(checkpoint=file).model.encoder.model
    assert torch.equal(encoder.layer1[0].conv1.weight, backbone.layer1[0].conv1.weight)


def test_a_prefix_of_some_names_alone_is_no_wrapper(tmp_path):
    torch.save({"model.a": torch.ones(1), "b": torch.ones(1)}, file := tmp_path / "w.pth")
    assert list(read_weights(file)) == ["model.a", "b"] == list(read_tensors(file))
    torch.save({"model.a": torch.ones(1), "model.b": torch.ones(1)}, file)
    assert list(read_weights(file)) == ["a", "b"] and list(read_tensors(file)) == ["model.a", "model.b"]


def test_the_error_of_a_file_that_does_not_exist_names_the_argument(tmp_path):
    for argument in ("pretrained", "checkpoint"):
        with pytest.raises(FileNotFoundError, match=f"^{argument} .*none.pth"):
            make_classifier("test_resnet", ("a",), **{argument: str(tmp_path / "none.pth")})
        with pytest.raises(FileNotFoundError, match=f"^{argument} .*none.pth"):
            segmenter(**{argument: str(tmp_path / "none.pth")})


@pytest.mark.parametrize("masks", [(), ("x",), ("x", "y", "z")])
def test_filters_for_another_number_of_masks_stay_new(tmp_path, masks):
    source = make_classifier("test_resnet", ("a",), ("x", "y"))
    torch.nn.init.ones_(_mask_filters(source))
    torch.save(source.state_dict(), file := tmp_path / "two.pth")
    network = make_classifier("test_resnet", ("a",), masks, checkpoint=file)
    assert torch.equal(network.backbone.layer1[0].conv1.weight, source.backbone.layer1[0].conv1.weight)
    if masks:
        assert not _mask_filters(network).any() and "masks.weight" in network.initial_weights


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "cut.safetensors"
    save_file({"a": torch.ones(100)}, path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"cut.safetensors is not a readable file of weights"):
        read_weights(path)


def test_weights_of_another_decoder_are_refused_and_layers_named(tmp_path):
    torch.save(smp.FPN(ENCODER, encoder_weights=None).state_dict(), tmp_path / "fpn.pt")
    with pytest.raises(ValueError, match=r"fpn.pt lacks \d+ layers \(model.decoder.blocks.0"):
        segmenter(checkpoint=tmp_path / "fpn.pt")


def test_weights_of_another_encoder_are_refused_and_layers_named(tmp_path):
    state = smp.encoders.get_encoder(ENCODER, weights=None).state_dict()
    wider = {name: value.repeat(2, 1, 1, 1) if value.ndim == 4 else value for name, value in state.items()}
    torch.save(wider, tmp_path / "wider.pt")
    with pytest.raises(ValueError, match=r"wider.pt has another shape for \d+ layers \(model.encoder.model.conv1"):
        segmenter(checkpoint=tmp_path / "wider.pt")
    torch.save(state | {"model.layer1.2.conv1.weight": torch.ones(1)}, tmp_path / "deeper.pt")
    with pytest.raises(ValueError, match=r"deeper.pt has unknown 1 layers \(model.encoder.model.layer1.2"):
        segmenter(checkpoint=tmp_path / "deeper.pt")
    torch.save({"something": torch.ones(1)}, tmp_path / "else.pt")
    with pytest.raises(ValueError, match=r"else.pt lacks \d+ layers"):
        segmenter(checkpoint=tmp_path / "else.pt")


def test_a_file_without_a_normalisation_takes_that_of_smp_or_the_given_one(tmp_path):
    save_file(smp.encoders.get_encoder(ENCODER, weights=None).state_dict(), tmp_path / "encoder.safetensors")
    published = segmenter(checkpoint=tmp_path / "encoder.safetensors")
    assert published.preprocessing.mean.tolist() == [0.5] * 3
    given = segmenter(checkpoint=tmp_path / "encoder.safetensors", preprocessing={"mean": [0] * 3, "std": [1] * 3})
    assert given.preprocessing.std.tolist() == [1] * 3
    with pytest.raises(ValueError, match="preprocessing needs"):
        segmenter(checkpoint=tmp_path / "encoder.safetensors", preprocessing={"mean": [0] * 3, "std": [0] * 3})


def test_without_a_normalisation_of_file_or_smp_the_error_says_what_to_set(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(smp.encoders, "hf_hub_download", refuse)
    torch.save(smp.encoders.get_encoder("mobilenet_v2", weights=None).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="how its images were normalised.*set preprocessing"):
        segmenter(encoder="mobilenet_v2", checkpoint=tmp_path / "weights.pt")


def test_from_a_file_of_a_cascade_the_matching_part_is_loaded_with_its_normalisation(tmp_path):
    first, second = segmenter(), make_classifier("test_resnet", ("a",))
    first.preprocessing.expect((0.5,) * 3, (0.25,) * 3)
    state = {f"network.segmenter.{name}": value for name, value in first.state_dict().items()}
    state |= {f"network.classifier.{name}": value for name, value in second.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "cascade.ckpt")
    part, file = segmenter(), read_weights(tmp_path / "cascade.ckpt")
    loaded = load_matching(part, file, "cascade.ckpt", places=PLACES, heads=[HEAD])
    assert loaded == set(first.state_dict())
    assert same(part, first.state_dict())
    assert part.preprocessing.mean.tolist() == [0.5] * 3
    assert same(make_classifier("test_resnet", ("b",), checkpoint=tmp_path / "cascade.ckpt"), second.state_dict())
    with pytest.raises(ValueError, match=r"cascade.ckpt has (another shape for|unknown|lacks) \d+ layers \(backbone"):
        make_classifier("resnet10t", ("a",), checkpoint=tmp_path / "cascade.ckpt")
