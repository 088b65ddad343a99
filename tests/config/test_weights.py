"""Weights of a run, checked before its first stage trains."""

import pytest
import torch
from builders import composed

from dermoscopy.config import weights
from dermoscopy.config.stages import stage_configurations
from dermoscopy.config.weights import check_weights
from dermoscopy.networks import hub

SMALL = ("logger=csv", "network.backbone=test_resnet", "network.masks=[]", "trainer=cpu")


def stages(*overrides):
    return stage_configurations(composed("train", *SMALL, *overrides).copy())


@pytest.fixture
def offline(monkeypatch):
    """No answer of the hub, and an empty cache."""
    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)


def test_published_weights_that_are_nowhere_are_refused_by_the_key_of_the_part(offline):
    with pytest.raises(ValueError, match=r"test_resnet.*network\.pretrained=false"):
        check_weights(stages("network.pretrained=true"))
    cascade = ("network=cascade", "data.masks=[lesion]", "network.segmenter=null")
    parts = [argument for argument in SMALL if not argument.startswith("network")]
    cfg = composed("train", *parts, *cascade, "network.classifier.pretrained=true").copy()
    with pytest.raises(ValueError, match=r"resnet18.*network\.classifier\.pretrained=false"):
        check_weights(stage_configurations(cfg))


def test_weights_from_scratch_or_from_a_file_need_no_hub(offline, tmp_path):
    check_weights(stages())
    (tmp_path / "test_resnet.pth").touch()
    (stage,) = stages("network.pretrained=true", f"weights={tmp_path}")
    assert stage.network.pretrained == str(tmp_path / "test_resnet.pth")
    check_weights([stage])


def test_stages_with_one_network_build_none(monkeypatch):
    monkeypatch.setattr(weights, "build", lambda _: pytest.fail("built"))
    check_weights(stages("stages=[{stage: a},{stage: b, epochs: 3}]"))


def test_a_later_stage_whose_network_does_not_take_the_weights_before_is_refused_by_its_name():
    with pytest.raises(ValueError, match="stage three .* layers"):
        check_weights(
            stages(
                "stages=[{stage: one},{stage: two},{stage: three, network: {backbone: test_resnet, masks: [streaks]}}]"
            )
        )
    check_weights(stages("stages=[{stage: one},{stage: two, network: {dropout: 0.5}}]"))


def test_a_file_of_a_later_stage_is_read_before_the_first(tmp_path):
    torch.save({"a": torch.zeros(1)}, file := tmp_path / "other.pt")
    with pytest.raises(ValueError, match="other.pt"):
        check_weights(stages(f"stages=[{{stage: one}},{{stage: two, network: {{checkpoint: {file}}}}}]"))
    with pytest.raises(FileNotFoundError, match="none.pt"):
        check_weights(stages("stages=[{stage: one},{stage: two, network: {checkpoint: none.pt}}]"))
