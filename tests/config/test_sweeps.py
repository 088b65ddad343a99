"""The command of a sweep: its axes, and what it is about."""

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


def test_a_value_of_the_command_line_ends_an_axis_of_the_experiment():
    assert list(axes("+experiment=zeroing", "seed=3")) == ["zeroing"]
    assert axes() == {}


@pytest.mark.parametrize("how", ["threads=1", "jobs_per_gpu=4", "sweep.fail_fast=true"])
def test_how_a_sweep_is_computed_is_not_what_it_is_about(how):
    before = _settings(composed("train", with_hydra=True), {})
    assert _settings(composed("train", how, with_hydra=True), {}) == before
    assert _settings(composed("train", "optimizer.lr=0.5", with_hydra=True), {}) != before


def test_references_stay_so_that_an_axis_may_change_what_they_mean():
    assert _settings(composed("train", with_hydra=True), {})["datamodule"]["split_seed"] == "${seed}"
