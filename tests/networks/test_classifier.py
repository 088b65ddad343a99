"""The classifier: mask channels that start without effect, its features, weights from files, clear errors."""

import pickle
from functools import partial

import pytest
import timm
import torch
from parts import make_classifier

from dermoscopy.networks.weights import read_weights

LABELS, MASKS = ("a", "b", "c"), ("a", "b")


def images(size: int = 64) -> torch.Tensor:
    return torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet_b0", "vit_tiny_patch16_224", "resnetv2_50"])
def test_with_unknown_masks_the_logits_equal_those_of_the_rgb_network(backbone):
    rgb = make_classifier(backbone, LABELS).eval()
    torch.manual_seed(0)
    masked = make_classifier(backbone, LABELS, MASKS).eval()
    stem = masked.backbone.pretrained_cfg["first_conv"]
    state = {k.replace(f"{stem}.", f"{stem}.rgb."): v for k, v in rgb.backbone.state_dict().items()}
    masked.backbone.load_state_dict(state, strict=False)
    image = images(224 if backbone.startswith("vit") else 64)
    zeros = torch.zeros(4, 2, *image.shape[-2:])
    with torch.no_grad():
        expected = rgb(image)
        torch.testing.assert_close(masked(image, zeros), expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(masked(image, None), expected, rtol=0, atol=1e-5)


def test_known_masks_change_the_logits_once_the_mask_filters_are_trained():
    network = make_classifier("resnet18", LABELS, MASKS)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    mask = torch.ones(4, 2, 64, 64)
    network(images(), mask).square().sum().backward()
    optimizer.step()
    filters = network.backbone.conv1.masks.weight
    assert filters.abs().sum() > 0
    network.eval()
    assert not torch.equal(network(images(), mask), network(images(), -mask))


def test_an_image_only_network_ignores_masks():
    network = make_classifier("resnet18", LABELS).eval()
    assert torch.equal(network(images(), torch.ones(4, 2, 64, 64)), network(images()))


@pytest.mark.parametrize("backbone", ["tf_efficientnet_lite0", "mobilenetv3_small_050"])
@pytest.mark.parametrize("count", [1, 5])
def test_the_first_logits_are_small_whatever_the_number_of_labels(backbone, count):
    last = make_classifier(backbone, LABELS[:1] * count).backbone.get_classifier()
    assert last.weight.abs().max() <= 2 / last.in_features**0.5


def test_a_last_layer_of_usual_size_stays_as_timm_draws_it():
    torch.manual_seed(3)
    network = make_classifier("resnet18", LABELS)
    torch.manual_seed(3)
    assert torch.equal(network.backbone.fc.weight, timm.create_model("resnet18", num_classes=3).fc.weight)


@pytest.mark.parametrize("pretrained", ["no", "imagenet", "weights.ckpt", ""])
def test_a_text_as_pretrained_that_is_no_file_of_weights_is_refused(pretrained):
    with pytest.raises(ValueError, match=r"^pretrained must be true, false or a file .*\.pth"):
        make_classifier("test_resnet", LABELS, pretrained=pretrained)


def test_weights_of_the_backbone_load_from_a_file_with_another_head(tmp_path):
    source = timm.create_model("resnet18", num_classes=7)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    network = make_classifier("resnet18", LABELS, MASKS, checkpoint=tmp_path / "weights.pt")
    assert torch.equal(network.backbone.conv1.rgb.weight, source.conv1.weight)
    assert torch.equal(network.backbone.layer4[0].conv1.weight, source.layer4[0].conv1.weight)
    assert not network.backbone.conv1.masks.weight.any()


@pytest.mark.parametrize("backbone", ["deit_tiny_distilled_patch16_224", "levit_128s", "efficientformer_l1"])
def test_weights_of_a_backbone_with_two_last_layers_load_from_a_file_with_other_ones(tmp_path, backbone):
    source = timm.create_model(backbone, num_classes=7)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    network = make_classifier(backbone, LABELS, checkpoint=tmp_path / "weights.pt")
    heads = tuple(name.removeprefix("backbone.") for name in network.head_names())
    own = network.backbone.state_dict()
    body = {name: value for name, value in source.state_dict().items() if not name.startswith(heads)}
    assert len(body) < len(own) and all(torch.equal(own[name], value) for name, value in body.items())


def test_an_image_only_checkpoint_of_this_project_loads_into_a_network_with_masks_and_back(tmp_path):
    plain = make_classifier("resnet18", LABELS)
    torch.save({"state_dict": {f"network.{k}": v for k, v in plain.state_dict().items()}}, tmp_path / "plain.ckpt")
    masked = make_classifier("resnet18", LABELS, MASKS, checkpoint=tmp_path / "plain.ckpt")
    torch.save({"state_dict": {f"network.{k}": v for k, v in masked.state_dict().items()}}, tmp_path / "masked.ckpt")
    back = make_classifier("resnet18", LABELS, checkpoint=tmp_path / "masked.ckpt")
    for name, value in plain.state_dict().items():
        assert torch.equal(back.state_dict()[name], value), name


def test_weights_of_another_network_are_refused_and_the_layers_named(tmp_path):
    torch.save(timm.create_model("resnet34").state_dict(), tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other.pt has unknown .* layers \(backbone.layer1.2"):
        make_classifier("resnet18", LABELS, checkpoint=tmp_path / "other.pt")


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
    with pytest.raises(FileNotFoundError, match="checkpoint .*none.pt does not exist"):
        read_weights(tmp_path / "none.pt")


def test_an_unknown_backbone_is_answered_with_the_nearest_names():
    with pytest.raises(ValueError, match="'resnet5O' is not a timm model; did you mean .*resnet50"):
        make_classifier("resnet5O", LABELS)


def test_pretrained_weights_that_are_unavailable_name_the_two_alternatives(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(timm.models._builder, "load_state_dict_from_hf", refuse)
    with pytest.raises(ValueError, match="pretrained=false, or checkpoint=FILE"):
        make_classifier("resnet18", LABELS, pretrained=True)


EXITS = {"resnet18": 8, "resnet50": 8, "vgg11": 8, "efficientnet_b0": 8, "convnext_atto": 8, "test_vit": 16}
SMALL = ["resnet18", "efficientnet_b0", "convnext_atto"]


@pytest.fixture(scope="module")
def network(request):
    """Classifier with an auxiliary head and with nonzero mask filters, as after training."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "vgg11":  # 100 million weights between its features and its head take seconds to draw
            patch.setattr(timm, "create_model", partial(timm.create_model, mlp_ratio=0.01))
        network = make_classifier(request.param, LABELS, MASKS, aux_head_stride=EXITS[request.param]).eval()
    torch.nn.init.normal_(stem(network).masks.weight, std=0.1)
    return network


def stem(network):
    return network.backbone.get_submodule(network.backbone.pretrained_cfg["first_conv"])


def image_and_mask(network):
    height, width = (160, 160) if network.name == "test_vit" else (64, 96)
    both = torch.randn(2, 3 + len(MASKS), height, width, generator=torch.Generator().manual_seed(2))
    return both[:, :3], both[:, 3:].sign()


@pytest.mark.parametrize("network", EXITS, indirect=True)
def test_the_auxiliary_head_gives_features_at_its_stride_and_the_logits_of_forward_in_one_pass(network):
    passes = []
    handle = stem(network).register_forward_hook(lambda *_: passes.append(1))
    image, mask = image_and_mask(network)
    with torch.no_grad():
        logits, features = network.forward_with_features(image, mask)
        assert passes == [1]
        assert torch.equal(logits, network(image, mask))
        without = network.forward_with_features(image)[0]
        assert torch.equal(without, network(image, 0 * mask))
        assert not torch.equal(without, logits)
    assert features.shape[-2:] == tuple(side // EXITS[network.name] for side in image.shape[-2:])
    handle.remove()


@pytest.mark.parametrize("network", [*SMALL, "test_vit"], indirect=True)
def test_what_follows_the_auxiliary_head_does_not_change_its_features(network):
    image, _ = image_and_mask(network)
    with torch.no_grad():
        _, features = network.forward_with_features(image)
        alone = {"indices": [network.aux_head], "stop_early": True, "intermediates_only": True}
        assert torch.equal(network.backbone.forward_intermediates(image, **alone)[0], features)


@pytest.mark.parametrize("network", [*SMALL, "test_vit"], indirect=True)
def test_the_gradient_of_the_features_reaches_the_stem_and_nothing_after_the_auxiliary_head(network):
    network.zero_grad(set_to_none=True)
    network.forward_with_features(*image_and_mask(network))[1].square().sum().backward()
    assert stem(network).rgb.weight.grad.any()
    assert stem(network).masks.weight.grad.any()
    assert all(p.grad is None for p in network.backbone.get_classifier().parameters())


@pytest.mark.parametrize("network", ["resnet50"], indirect=True)
def test_the_auxiliary_head_of_a_resnet_at_stride_8_is_the_end_of_its_second_layer(network):
    seen = []
    handle = network.backbone.layer2.register_forward_hook(lambda *given: seen.append(given[-1]))
    with torch.no_grad():
        assert torch.equal(network.forward_with_features(image_and_mask(network)[0])[1], seen[0])
    handle.remove()


@pytest.mark.parametrize("network", ["test_vit"], indirect=True)
def test_of_several_maps_of_one_stride_the_auxiliary_head_is_the_last(network):
    assert network.aux_head == len(network.backbone.blocks) - 1


@pytest.mark.parametrize("network", SMALL, indirect=True)
def test_the_head_of_the_features_is_forward(network):
    image, mask = image_and_mask(network)
    with torch.no_grad():
        for given in (mask, None):
            features = network.forward_maps(image, given)
            assert features.shape[-2:] == (2, 3)
            assert torch.equal(network.forward_head(features), network(image, given))


@pytest.mark.parametrize(("backbone", "side"), [("test_vit", 160), ("mambaout_femto", 64)])
def test_a_backbone_without_a_channels_first_map_has_no_features(backbone, side):
    with pytest.raises(ValueError, match=rf"'{backbone}' ends in .* \(4, .*, not in a map"), torch.no_grad():
        make_classifier(backbone, LABELS).forward_maps(images(side))


@pytest.mark.parametrize(
    ("backbone", "stride", "available"), [("resnet10t", 7, "2, 4, 8, 16, 32"), ("test_vit", 8, "16")]
)
def test_a_stride_that_the_backbone_does_not_have_is_answered_with_the_available_ones(backbone, stride, available):
    with pytest.raises(ValueError, match=f"aux_head_stride={stride}: .*'{backbone}' has .* stride {available}$"):
        make_classifier(backbone, LABELS, aux_head_stride=stride)


def test_a_network_without_an_auxiliary_head_says_how_to_add_one():
    with pytest.raises(ValueError, match="no auxiliary head: set network.aux_head_stride"):
        make_classifier("resnet10t", LABELS).forward_with_features(images())


@pytest.mark.parametrize(
    ("backbone", "side"),
    [
        ("test_vit", 75),
        ("test_convnext", 16),
        ("densenet121", 16),
        ("hrnet_w18_small", 48),
        ("efficientformerv2_s0", 64),
    ],
)
def test_images_that_a_backbone_cannot_read_are_answered_with_their_size(backbone, side):
    with pytest.raises(ValueError, match=f"'{backbone}' cannot read images of {side} x {side} px: .*data.size"):
        make_classifier(backbone, LABELS)(images(side))


def test_an_error_that_is_not_of_the_size_of_the_images_is_passed_on(monkeypatch):
    network = make_classifier("test_resnet", LABELS)
    monkeypatch.setattr(network.backbone, "forward", lambda _: torch.zeros(2) + torch.zeros(3))
    with pytest.raises(RuntimeError, match="size of tensor"):
        network(images())


def test_a_backbone_receives_images_normalised_for_its_published_weights_and_saves_that(tmp_path):
    """Check with test_resnet, whose weights expect mean and deviation 0.5."""
    torch.manual_seed(0)
    published = make_classifier("test_resnet", LABELS).eval()
    torch.save(published.backbone.state_dict(), tmp_path / "backbone.pt")
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    ours = make_classifier("test_resnet", LABELS, checkpoint=tmp_path / "backbone.pt", mean=mean, std=std).eval()
    colours = torch.rand(2, 3, 32, 32)
    come = (colours - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.no_grad():
        expected = published((colours - 0.5) / 0.5)
        assert torch.allclose(ours(come), expected, atol=1e-5)
        state = {f"network.{name}": value for name, value in ours.state_dict().items()}
        torch.save({"state_dict": state}, tmp_path / "best.ckpt")
        again = make_classifier("test_resnet", LABELS, checkpoint=tmp_path / "best.ckpt", mean=mean, std=std).eval()
        assert torch.allclose(again(come), expected, atol=1e-5)


def test_from_scratch_images_are_not_renormalised():
    torch.manual_seed(0)
    network = make_classifier("test_resnet", LABELS, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0)).eval()
    with torch.no_grad():
        assert torch.equal(network(images()), network.backbone(images()))


def test_options_reach_the_model_of_timm_and_unknown_ones_are_refused():
    network = make_classifier("resnet18", LABELS, options={"drop_path_rate": 0.2})
    rates = [module.drop_prob for module in network.modules() if type(module).__name__ == "DropPath"]
    assert rates and max(rates) == pytest.approx(0.2)
    with pytest.raises(ValueError, match=r"options .*drop_pat_rate.*'resnet18'"):
        make_classifier("resnet18", LABELS, options={"drop_pat_rate": 0.2})
    with pytest.raises(ValueError, match=r"options\.num_classes is set by the network"):
        make_classifier("resnet18", LABELS, options={"num_classes": 3})


def test_the_normalisation_of_weights_can_be_given(tmp_path):
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pt")
    given = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}
    network = make_classifier("test_resnet", LABELS, checkpoint=tmp_path / "w.pt", preprocessing=given)
    torch.testing.assert_close(network.preprocessing.mean, torch.tensor(given["mean"]))
    torch.testing.assert_close(network.preprocessing.std, torch.tensor(given["std"]))


def test_a_model_of_the_hub_passes_through_and_is_refused_in_one_line_without_it(monkeypatch):
    built = []

    def create(name, **arguments):
        built.append(name)
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(ValueError, match="hf-hub:owner/name.*hub"):
        make_classifier("hf-hub:owner/name", LABELS)
    assert built == ["hf-hub:owner/name"]


def test_the_auxiliary_classifier_of_inception_in_a_file_is_left_out(tmp_path):
    state = timm.create_model("inception_v3").state_dict() | {"AuxLogits.fc.weight": torch.zeros(1000, 768)}
    torch.save(state, tmp_path / "w.pt")
    network = make_classifier("inception_v3", LABELS, checkpoint=tmp_path / "w.pt")
    assert torch.equal(network.backbone.Mixed_7c.branch1x1.conv.weight, state["Mixed_7c.branch1x1.conv.weight"])
