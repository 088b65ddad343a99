"""Weights of a run, checked before its first stage trains."""

import pytest
import torch
from builders import composed
from omegaconf import OmegaConf

from dermoscopy.config import weights
from dermoscopy.config.stages import stage_configurations
from dermoscopy.config.weights import check_folder, check_weights
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


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (("network.pretrained=no",), r"network\.pretrained must be true, false .*'no'.*network\.checkpoint=FILE"),
        (("network.pretrained=true", "network.backbone=resnet1"), r"network\.backbone 'resnet1' is not a timm model"),
        (("network.pretrained=true", "network.backbone=resnet18.nope"), r"network\.backbone 'resnet18.nope'.*a1_in1k"),
    ],
)
def test_what_names_no_weights_is_refused_by_its_key(offline, given, answer):
    with pytest.raises(ValueError, match=f"^{answer}"):
        check_weights(stages(*given))


@pytest.mark.parametrize("argument", ["pretrained", "checkpoint"])
def test_a_file_that_does_not_exist_is_refused_by_its_key(argument):
    with pytest.raises(FileNotFoundError, match=rf"^network\.{argument}=/none/x\.pth does not exist"):
        check_weights(stages(f"network.{argument}=/none/x.pth"))
    parts = [argument for argument in SMALL if not argument.startswith("network")]
    cascade = ("network=cascade", "data.masks=[lesion]", "network.segmenter=null")
    cfg = composed("train", *parts, *cascade, f"network.classifier.{argument}=/none/x.pth").copy()
    with pytest.raises(FileNotFoundError, match=rf"^network\.classifier\.{argument}=/none/x\.pth does not exist"):
        check_weights(stage_configurations(cfg))


def test_the_home_folder_is_expanded_in_the_settings_of_a_stage(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    first, second = stages("stages=[{stage: one},{stage: two, network: {checkpoint: '~/x.pth'}}]")
    assert first.network.checkpoint is None and second.network.checkpoint == str(tmp_path / "x.pth")


def test_a_folder_of_weights_that_is_named_must_exist(tmp_path):
    def check(folder, *typed, axes=()):
        check_folder(OmegaConf.create({"weights": str(folder), "hydra": {"overrides": {"task": [*typed]}}}), axes)

    check("weights")  # of conf/
    check(tmp_path, f"weights={tmp_path}")
    check("weights", "weights=a,b", axes=("weights",))
    with pytest.raises(ValueError, match="^weights=/none is no folder"):
        check("/none", "seed=1", "weights=/none")


def test_a_network_of_the_users_own_may_mean_anything_by_a_checkpoint(monkeypatch):
    monkeypatch.setattr(weights, "is_own", lambda _: False)
    check_weights(stages("network.checkpoint=none.pth"))


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


def test_a_checkpoint_of_the_run_is_that_of_its_first_stage(tmp_path):
    (stage,) = stages("network.masks=[]")
    torch.save(weights.build(stage.network).state_dict(), file := tmp_path / "first.pt")
    whole = f"network.checkpoint={file}"
    with pytest.raises(ValueError, match=r"stage two .* layers"):  # it inherits the key, but not the weights
        check_weights(stages(whole, "stages=[{stage: one},{stage: two, network: {masks: [streaks]}}]"))
    own = f"{{stage: two, network: {{masks: [streaks], checkpoint: {file}}}}}"
    check_weights(stages(whole, f"stages=[{{stage: one}},{own}]"))
    with pytest.raises(ValueError, match=r"stage three .* layers"):
        check_weights(stages(f"stages=[{{stage: one}},{own},{{stage: three}}]"))


def test_a_file_of_a_later_stage_is_read_before_the_first(tmp_path):
    torch.save({"a": torch.zeros(1)}, file := tmp_path / "other.pt")
    with pytest.raises(ValueError, match="other.pt"):
        check_weights(stages(f"stages=[{{stage: one}},{{stage: two, network: {{checkpoint: {file}}}}}]"))
    with pytest.raises(FileNotFoundError, match="none.pt"):
        check_weights(stages("stages=[{stage: one},{stage: two, network: {checkpoint: none.pt}}]"))
