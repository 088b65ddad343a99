"""The identity of a sweep."""

import pytest
from builders import composed

from dermoscopy.config.sweeps import _settings


@pytest.mark.parametrize("override", ["threads=1", "runs=/moved/runs", "data.store=/moved/store.h5"])
def test_settings_of_the_computation_and_places_of_files_are_no_part_of_the_identity(override):
    before = _settings(composed("train", with_hydra=True), {})
    assert _settings(composed("train", override, with_hydra=True), {}) == before
    assert _settings(composed("train", "optimizer.lr=0.5", with_hydra=True), {}) != before


def test_references_are_kept_as_an_axis_may_change_their_values():
    assert _settings(composed("train", with_hydra=True), {})["datamodule"]["split_seed"] == "${seed}"
