"""The command of a sweep: its axes and its identity."""

import pytest
from builders import composed

from dermoscopy.config.sweeps import _settings, sweep_axes


def axes(*arguments):
    return sweep_axes(composed("train", *arguments, with_hydra=True))


def test_the_axes_are_those_of_the_experiment():
    assert axes("+experiment=zeroing") == {
        "zeroing": ["everything", "nothing", "whole_80", "cells8_20", "cells8_80"],
        "seed": ["0", "1", "2"],
    }


def test_a_single_value_on_the_command_line_removes_an_axis_of_the_experiment():
    assert list(axes("+experiment=zeroing", "seed=3")) == ["zeroing"]
    assert axes() == {}


@pytest.mark.parametrize("override", ["threads=1", "jobs_per_gpu=4", "sweep.fail_fast=true"])
def test_settings_of_the_computation_are_no_part_of_the_identity(override):
    before = _settings(composed("train", with_hydra=True), {})
    assert _settings(composed("train", override, with_hydra=True), {}) == before
    assert _settings(composed("train", "optimizer.lr=0.5", with_hydra=True), {}) != before


def test_references_are_kept_as_an_axis_may_change_their_values():
    assert _settings(composed("train", with_hydra=True), {})["datamodule"]["split_seed"] == "${seed}"
