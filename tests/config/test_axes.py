"""The axes of a command, and the arm of a run, which is what the run was given."""

import re

import pytest
from builders import composed

from dermoscopy.config.axes import arm_axes, check_sweeper, sweep_axes, whole_numbers
from dermoscopy.runs.tables import arm_name


def command(*arguments):
    """Return the configuration of a command; values to sweep over, which composing refuses, are only in its record."""
    swept = [argument for argument in arguments if re.search(r"=\w+[,(]", argument)]
    config = composed("train", *(argument for argument in arguments if argument not in swept), with_hydra=True)
    config.hydra.overrides.task = [*config.hydra.overrides.task, *swept]
    return config


def axes(*arguments):
    return sweep_axes(command(*arguments))


def test_the_axes_are_those_of_the_experiment():
    assert axes("+experiment=zeroing") == {
        "zeroing": ["everything", "nothing", "whole_80", "cells8_20", "cells8_80", "mixed"],
        "seed": ["0", "1", "2"],
    }


def test_a_single_value_on_the_command_line_removes_an_axis_of_the_experiment():
    assert list(axes("+experiment=zeroing", "seed=3")) == ["zeroing"]
    assert axes() == {}


def arms(*arguments, sweep=True):
    config = command(*arguments)
    swept = sweep_axes(config) if sweep else {}
    return {name: values[0] for name, values in arm_axes(config, swept).items()}


@pytest.mark.parametrize(
    ("arguments", "arm"),
    [
        (("zeroing=cells8_20",), "zeroing=cells8_20"),
        (("+experiment=zeroing", "zeroing=cells8_20"), "zeroing=cells8_20"),
        (("+experiment=zeroing",), "zeroing=whole_80"),  # the choice of conf/train.yaml
        (("+experiment=ynet",), "arm/ynet=joint"),
        (("+experiment=ynet", "arm/ynet=pretrained", "optimizer.lr=0.1"), "arm/ynet=pretrained"),
        (("optimizer=sgd", "seed=3", "runs=elsewhere", "optimizer.lr=0.1"), "optimizer=sgd, optimizer.lr=0.1"),
        (("+model.own=[1,2]",), "model.own=[1,2]"),
        (("logger=csv", "trainer=cpu", "split.val=0.3", "data.store=x.h5", "protocol=paper", "threads=2"), "run"),
        (("model.mask_conditions=[none]", "datamodule.memory=disk", "rerun=true"), "run"),
    ],
)
def test_a_single_run_has_the_arm_that_it_was_given(arguments, arm):
    assert arm_name(arms(*arguments, sweep=False), "run") == arm


@pytest.mark.parametrize(
    ("arguments", "arm"),
    [
        (("+experiment=zeroing", "zeroing=cells8_20"), "zeroing=cells8_20"),
        (("optimizer=sgd", "seed=0,1"), "optimizer=sgd"),
        (("optimizer=sgd", "split=folds", "split.fold=0,1"), "optimizer=sgd"),
        (("+experiment=baseline_five", "+sweep=folds"), "run"),
        (("optimizer=sgd", "zeroing=nothing,everything"), "run"),  # the swept axis is the arm
    ],
)
def test_a_sweep_of_one_arm_keeps_it_and_swept_axes_are_enough(arguments, arm):
    assert arm_name(arms(*arguments), "run") == arm


def test_values_by_glob_and_range_are_enumerated():
    assert axes("seed=range(0,3)")["seed"] == ["0", "1", "2"]


@pytest.mark.parametrize("value", ["optimizer.lr=interval(0,1)", "seed=shuffle(1,2,3)", "seed=shuffle(range(0,9))"])
def test_an_axis_without_values_in_order_is_refused(value):
    with pytest.raises(ValueError, match=value.split("=")[0]):
        axes(value)


def test_a_sweeper_that_chooses_values_itself_is_refused():
    check_sweeper("basic", composed("train", with_hydra=True).hydra.sweeper._target_)
    with pytest.raises(ValueError, match="hydra/sweeper=optuna .*OptunaSweeper"):
        check_sweeper("optuna", "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper")


def test_values_of_an_axis_are_numbers_where_they_are_and_references_are_left_to_the_jobs():
    assert whole_numbers(["0", "-1", "1_0", "x", "1.5", "'1'", "null", "${seed}"]) == [
        0,
        -1,
        10,
        "x",
        "1.5",
        "'1'",
        "null",
    ]
