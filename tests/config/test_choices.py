"""Choices of groups, in files of their own or several in one."""

from builders import CONF, composed

from dermoscopy.config.choices import groups


def test_a_group_has_the_choices_of_both_places():
    names = groups(CONF)
    assert {"unet", "fpn", "cascade"} <= set(names["network"]) and "cells8_20" in names["zeroing"]
    assert "std" in names["arm/aux_head"] and "choices" not in names and "joblib" in names["hydra/launcher"]


def test_a_choice_beside_others_is_composed_as_a_file_would_be():
    cfg = composed("train", "+experiment=pair", "arm/pair=features", with_hydra=True)
    assert (cfg.consistency.kind, cfg.consistency.of) == ("mse", "features")  # a choice may override other groups
    assert cfg.hydra.runtime.choices["arm/pair"] == "features"
    network = composed("train", "model=segmentation", "network=fpn").network
    assert network.architecture._target_.endswith(".FPN") and network.encoder == "resnet18"  # that of network=unet


def test_numbers_of_a_choice_are_numbers_and_references_stay_references():
    cfg = composed("train", "optimizer=nadam", "scheduler=cyclic", "optimizer.lr=0.5")
    assert (cfg.optimizer.lr, cfg.scheduler.build.max_lr, cfg.scheduler.build.base_lr) == (0.5, 0.5, 1e-5)
