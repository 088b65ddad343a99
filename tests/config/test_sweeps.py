"""The identity of a sweep, and how its command ends."""

from types import SimpleNamespace

import pytest
from builders import composed

from dermoscopy.config.jobs import failures
from dermoscopy.config.sweeps import SweepCallback, _end_early, _settings, end
from dermoscopy.machine.files import FullDisk
from dermoscopy.machine.leases import LeaseLost


@pytest.mark.parametrize("override", ["threads=1", "runs=/moved/runs", "data.store=/moved/store.h5"])
def test_settings_of_the_computation_and_places_of_files_are_no_part_of_the_identity(override):
    before = _settings(composed("train", with_hydra=True), {})
    assert _settings(composed("train", override, with_hydra=True), {}) == before
    assert _settings(composed("train", "optimizer.lr=0.5", with_hydra=True), {}) != before


def test_references_are_kept_as_an_axis_may_change_their_values():
    assert _settings(composed("train", with_hydra=True), {})["datamodule"]["split_seed"] == "${seed}"


@pytest.fixture
def ended(monkeypatch):
    """Return a function that ends a sweep of two jobs, or a single run, with some jobs that are not done."""

    def run(unfinished, status="failed", alone=False, errors=()):
        record = {"jobs": 1 if alone else 2, "status": status}
        session = SimpleNamespace(end=lambda _: unfinished, alone=alone, record=record)
        monkeypatch.setattr(SweepCallback, "session", session)
        failures[:] = errors
        end("done")

    yield run
    failures.clear()


def test_a_sweep_with_jobs_that_are_not_done_ends_with_an_error(ended):
    ended(0)
    with pytest.raises(ValueError, match="1 of 2 jobs failed"):
        ended(1, errors=[ValueError("no such mask")])
    with pytest.raises(ValueError, match="2 of 2 jobs were interrupted"):
        ended(2, "interrupted")  # their processes could not even record why


def test_a_single_run_and_a_full_disk_end_with_their_own_error(ended):
    with pytest.raises(ValueError, match="no such mask"):
        ended(1, alone=True, errors=[ValueError("no such mask")])
    with pytest.raises(FullDisk, match="no room"):
        ended(2, errors=[ValueError("no such mask"), FullDisk("no room")])
    with pytest.raises(ValueError, match="1 of 1 jobs were interrupted"):
        ended(1, "interrupted", alone=True)


def test_an_interrupted_sweep_reports_its_first_error_unless_another_process_has_taken_over(monkeypatch, capsys):
    def ends_with(error):
        def raises(_):
            raise error

        monkeypatch.setattr(SweepCallback, "session", SimpleNamespace(end=raises))
        _end_early()

    ends_with(FullDisk("no room"))
    assert "no room" in capsys.readouterr().err
    with pytest.raises(LeaseLost, match="taken over"):
        ends_with(LeaseLost("taken over"))
