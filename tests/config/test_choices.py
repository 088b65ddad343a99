"""Choices of groups, in files of their own or several per file."""

import pytest
import yaml
from builders import CONF, composed
from omegaconf import OmegaConf

from dermoscopy.config.choices import groups


def test_a_group_has_the_choices_of_both_kinds_of_files():
    names = groups(CONF)
    assert {"unet", "fpn", "cascade"} <= set(names["network"]) and "cells8_20" in names["zeroing"]
    assert "std" in names["arm/aux_head"] and "choices" not in names and "joblib" in names["hydra/launcher"]


def test_a_choice_in_a_shared_file_is_composed_like_one_in_a_file_of_its_own():
    cfg = composed("train", "+experiment=pair", "arm/pair=features", with_hydra=True)
    assert (cfg.consistency.kind, cfg.consistency.of) == ("mse", "features")  # a choice may override other groups
    assert cfg.hydra.runtime.choices["arm/pair"] == "features"
    network = composed("train", "model=segmentation", "network=fpn").network
    assert network.architecture._target_.endswith(".FPN") and network.encoder == "resnet18"  # that of network=unet


@pytest.mark.parametrize("path", sorted((CONF / "choices").rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_file_of_choices_is_read_as_hydra_reads_its_own_files(path):
    assert yaml.load(path.read_text(), yaml.CSafeLoader) == OmegaConf.to_container(OmegaConf.load(path), resolve=False)


def test_numbers_of_a_choice_are_numbers_and_references_are_kept():
    cfg = composed("train", "optimizer=nadam", "scheduler=cyclic", "optimizer.lr=0.5")
    assert (cfg.optimizer.lr, cfg.scheduler.build.max_lr, cfg.scheduler.build.base_lr) == (0.5, 0.5, 1e-5)
