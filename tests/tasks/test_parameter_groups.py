"""Tests of parameter groups: rates of head and body, rates from block to block, weight decay, of every network."""

from functools import partial

import pytest
import torch
from builders import CONF, composed
from hydra.utils import instantiate
from omegaconf import OmegaConf
from parts import make_classifier
from torch import nn

from dermoscopy.config.choices import groups
from dermoscopy.tasks.parameter_groups import ParameterGroups, head_names

LR, DECAY = 0.1, 0.01
adamw = partial(torch.optim.AdamW, lr=LR, weight_decay=DECAY)


def built(network, head=1.0, layer_decay=1.0, decay_norms=True, optimizer=adamw):
    """Return the optimizer of a task with this network, and its rate and weight decay by the name of a parameter."""
    module = nn.ModuleDict({"network": network})
    made = ParameterGroups(head, layer_decay, decay_norms).build(optimizer, module, network, "network.")
    name = {id(p): n.removeprefix("network.") for n, p in module.named_parameters()}
    values = {name[id(p)]: (g["lr"], g.get("weight_decay")) for g in made.param_groups for p in g["params"]}
    assert len(values) == sum(len(g["params"]) for g in made.param_groups)
    assert values.keys() == {n for n, p in network.named_parameters() if p.requires_grad}
    return made, values


def network_of(*overrides):
    cfg = composed("train", *overrides)
    OmegaConf.register_new_resolver("len", len, replace=True)
    return instantiate(cfg.network)


def test_the_default_is_one_group_of_the_parameters_in_their_order():
    network = make_classifier("test_resnet", ("a",), ("m",))
    made, _ = built(network)
    (group,) = made.param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in network.parameters()]
    assert group.keys() == adamw([nn.Parameter(torch.zeros(1))]).param_groups[0].keys()


HEADS = {
    ("network=classifier",): "backbone.conv1.masks.weight backbone.fc.bias backbone.fc.weight",
    ("network=image_classifier", "network.backbone=regnetx_002"): "backbone.head.fc.bias backbone.head.fc.weight",
    ("network=googlenet",): "fc.bias fc.weight",
    ("network=cascade", "data.masks=[lesion]", "network.segmenter=null"): "classifier.backbone.fc.",
    ("network=cascade", "data.masks=[lesion]", "network@network.classifier=googlenet", "network.segmenter=null"): (
        "classifier.fc."
    ),
    ("network=cascade", "data.masks=[lesion]"): (
        "segmenter.model.decoder. segmenter.model.segmentation_head. classifier.backbone.fc."
    ),
    ("network=ynet",): "head. segmenter.model.decoder. segmenter.model.segmentation_head.",
    ("model=segmentation",): "model.decoder. model.segmentation_head.",
    ("model=segmentation", "network=segformer"): "model.decoder. model.segmentation_head.",
    ("model=segmentation", "network=improved_unet"): "segment. output.",
    ("model=segmentation", "network=improved_unet_isensee2017"): "segment.",
}


@pytest.mark.parametrize("overrides", HEADS, ids=" ".join)
def test_the_head_has_its_rate_and_the_body_that_of_the_optimizer(overrides):
    network, heads = network_of(*overrides), tuple(HEADS[overrides].split())
    _, values = built(network, head=10)
    assert all(any(name.startswith(head) for name in values) for head in heads)
    for name, (rate, _) in values.items():
        assert rate == pytest.approx(LR * 10 if name.startswith(heads) else LR), name


def test_the_head_of_any_other_network_is_its_last_layer():
    assert head_names(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.ReLU()))) == ["1.0."]
    assert head_names(nn.Linear(2, 1)) == [""]


def test_a_head_wrapped_by_a_network_of_ones_own_is_found():
    wrapped = nn.Sequential(nn.Conv2d(3, 3, 1), make_classifier("test_resnet", ("a",)))
    assert [name for name in head_names(wrapped) if "masks" not in name] == ["0.", "1.backbone.fc."]


@pytest.mark.parametrize("freeze", [(), ("backbone.conv1", "backbone.layer1")])
def test_the_rate_falls_from_block_to_block_towards_the_stem(freeze):
    network = make_classifier("resnet18", ("a",), ("m",))
    for name, parameter in network.named_parameters():
        parameter.requires_grad = not name.startswith(freeze or "nothing")
    _, values = built(network, head=3, layer_decay=0.5)
    rate = {name: rate for name, (rate, _) in values.items()}
    expected = {"fc.weight": 3, "layer4.1.conv2.weight": 1, "layer4.0.bn1.bias": 0.5, "layer3.0.conv1.weight": 0.5**3}
    if not freeze:
        expected |= {"layer1.0.conv1.weight": 0.5**7, "conv1.rgb.weight": 0.5**8, "conv1.masks.weight": 3}
    for name, scale in expected.items():
        assert rate[f"backbone.{name}"] == pytest.approx(LR * scale), name


@pytest.mark.parametrize(
    ("encoder", "places"),
    [
        ("resnet18", {"layer4.0.conv1": 0, "layer3.0.conv1": 1, "layer1.0.conv1": 3, "conv1": 4}),
        ("mobilenet_v2", {"features.18.0": 0, "features.7.conv.0.0": 1, "features.0.0": 4}),
        ("tu-resnet10t", {"model.layer4.0.conv1": 0, "model.layer3.0.conv1": 1, "model.conv1.0": 4}),
        (
            "efficientnet-b0",
            {"_blocks.11._expand_conv": 0, "_conv_stem": 4, "_conv_head": 0},
        ),  # in no output
    ],
)
def test_levels_of_an_encoder_are_its_blocks(encoder, places):
    network = network_of("model=segmentation", f"network.encoder={encoder}")
    training = {name: module.training for name, module in network.named_modules()}
    state = {name: value.clone() for name, value in network.state_dict().items()}
    _, values = built(network, layer_decay=0.5)
    for name, count in places.items():
        assert values[f"model.encoder.{name}.weight"][0] == pytest.approx(LR * 0.5**count), name
    assert values["model.segmentation_head.0.weight"][0] == LR
    assert training == {name: module.training for name, module in network.named_modules()}
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("overrides", [("network=ynet",), ("network=cascade", "data.masks=[lesion]")], ids=" ".join)
def test_rates_fall_in_every_part_of_a_network(overrides):
    _, values = built(network_of(*overrides), layer_decay=0.5)
    assert len({rate for rate, _ in values.values()}) >= 5


@pytest.mark.parametrize("overrides", [("network=googlenet",), ("model=segmentation", "network=improved_unet")])
def test_blocks_that_a_network_does_not_name_are_refused(overrides):
    with pytest.raises(ValueError, match=r"parameter_groups\.layer_decay .*(GoogLeNet|ImprovedUNet)"):
        built(network_of(*overrides), layer_decay=0.5)


def test_norms_biases_and_position_embeddings_need_not_decay():
    network = make_classifier("test_resnet", ("a",), ("m",))
    _, values = built(network, decay_norms=False)
    for name, parameter in network.named_parameters():
        assert values[name] == (LR, DECAY if parameter.ndim > 1 else 0), name
    network.backbone.no_weight_decay = lambda: {"fc.weight"}  # as of a transformer
    _, values = built(network, decay_norms=False)
    assert values["backbone.fc.weight"] == (LR, 0)


def test_learned_weights_of_a_loss_have_the_rate_of_the_body():
    network = make_classifier("test_resnet", ("a",))
    module = nn.ModuleDict({"network": network, "loss": nn.ParameterDict({"scale": nn.Parameter(torch.zeros(()))})})
    made = ParameterGroups(5, 0.5, False).build(adamw, module, network, "network.")
    (group,) = [g for g in made.param_groups if any(p is module["loss"]["scale"] for p in g["params"])]
    assert (group["lr"], group["weight_decay"]) == (LR, 0)


@pytest.mark.parametrize("name", groups(CONF)["optimizer"])
def test_every_optimizer_of_the_configuration_takes_groups(name):
    optimizer = instantiate(composed("train", f"optimizer={name}", "optimizer.lr=0.01").optimizer)
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    made, values = built(network, head=10, decay_norms=False, optimizer=optimizer)
    assert (values["0.weight"][0], values["1.weight"][0]) == (0.01, 0.1)
    network(torch.ones(1, 2)).sum().backward()
    made.step()


def test_an_optimizer_of_timm_takes_groups():
    import timm.optim  # noqa: PLC0415

    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    made, values = built(network, head=10, optimizer=partial(timm.optim.Lion, lr=0.01))
    assert values["1.weight"][0] == pytest.approx(0.1)
    network(torch.ones(1, 2)).sum().backward()
    made.step()


@pytest.mark.parametrize("name", groups(CONF)["scheduler"])
def test_every_schedule_keeps_the_ratio_of_the_rates(name):
    schedule = instantiate(composed("train", f"scheduler={name}", "optimizer.lr=0.1").scheduler)
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    made, _ = built(network, head=10)
    alone, _ = built(nn.Linear(2, 1))
    entries = [schedule(optimizer, epochs=3, steps=12) for optimizer in (made, alone)]
    for _ in range(12 if entries[0]["interval"] == "step" else 3):
        (body, head), (one,) = ([g["lr"] for g in optimizer.param_groups] for optimizer in (made, alone))
        assert (body, head) == (pytest.approx(one, rel=1e-9), pytest.approx(10 * one, rel=1e-9))
        for optimizer, entry in zip((made, alone), entries, strict=True):
            optimizer.step()
            entry["scheduler"].step(*([0.5] if "monitor" in entry else []))


@pytest.mark.parametrize(
    ("groups", "frozen", "weight_decay", "lines"),
    [
        ((3, 1, True), ("1",), DECAY, ["head"]),
        ((1, 0.5, True), ("backbone.conv1", "backbone.bn1", "backbone.layer"), DECAY, ["layer_decay"]),
        ((1, 1, False), (), 0.0, ["decay_norms"]),
        ((3, 1, False), (), DECAY, []),
        ((1, 1, True), (), 0.0, []),
    ],
)
def test_a_value_that_changes_nothing_is_named(groups, frozen, weight_decay, lines):
    network = (
        make_classifier("test_resnet", ("a",)) if groups[1] != 1 else nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    )
    for name, parameter in network.named_parameters():
        parameter.requires_grad = not name.startswith(frozen or "nothing")
    optimizer, _ = built(network, *groups, optimizer=partial(adamw, weight_decay=weight_decay))
    remarks = ParameterGroups(*groups).remarks(optimizer)
    assert [f"parameter_groups.{name} changes nothing" for name in lines] == [line.split(":")[0] for line in remarks]


@pytest.mark.parametrize(
    "changes", [{"head": 0}, {"layer_decay": 0}, {"layer_decay": 1.5}, {"head": float("nan")}, {"head": float("inf")}]
)
def test_values_out_of_range_are_refused(changes):
    (name,) = changes
    with pytest.raises(ValueError, match=name):
        ParameterGroups(**{"head": 1, "layer_decay": 1, "decay_norms": True} | changes)
