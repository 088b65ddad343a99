"""The identity of a sweep, and how its command ends."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import composed
from joblib.externals.loky import process_executor
from omegaconf import OmegaConf

from dermoscopy.config import launchers
from dermoscopy.config.jobs import failures
from dermoscopy.config.sweeps import RESOLVERS, SweepCallback, _end_early, _settings, decide, end
from dermoscopy.machine import allocation
from dermoscopy.machine.files import FullDisk
from dermoscopy.machine.leases import LeaseLost

LOKY = "A worker stopped while some jobs were given to the "


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
        session = SimpleNamespace(end=lambda *_: unfinished, alone=alone, record=record)
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
        def raises(*_):
            raise error

        monkeypatch.setattr(SweepCallback, "session", SimpleNamespace(end=raises))
        _end_early()

    ends_with(FullDisk("no room"))
    assert "no room" in capsys.readouterr().err
    with pytest.raises(LeaseLost, match="taken over"):
        ends_with(LeaseLost("taken over"))


@pytest.fixture
def decided(monkeypatch, tmp_path):
    """Return a function that decides for a sweep of four jobs on a machine of eight cores with this much memory."""

    def run(*overrides, memory=1e12, record=None, left=4, plan=({},)):
        monkeypatch.setattr(allocation, "cores", lambda: 8)
        monkeypatch.setattr(launchers, "cores", lambda: 8)
        monkeypatch.setattr(allocation, "gpus", lambda: 0)
        monkeypatch.setattr(allocation, "free_memory", lambda: memory)
        for resolver in RESOLVERS:
            OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
        config = composed("train", *overrides, with_hydra=True)
        choice = config.hydra.runtime.choices["hydra/launcher"]
        noted = {"launcher": choice, "plan": plan, **(record or {})}
        session = SimpleNamespace(
            left=left, record=noted, folder=tmp_path, note=lambda **entries: noted.update(entries)
        )
        decide(config, session)
        assert f"threads={noted['threads'] or 'null'}" in config.hydra.overrides.hydra
        assert config.hydra.launcher.get("n_jobs", 1) == (noted["processes"] or 1)
        return noted["launcher"], noted["processes"], noted["threads"]

    return run


def test_a_sweep_shares_the_cores_between_as_many_jobs_as_are_left_and_fit_into_the_memory(decided):
    assert decided(left=18) == ("joblib", 8, 1)
    assert decided(left=4) == ("joblib", 4, 2)
    assert decided("threads=4", left=18) == ("joblib", 2, 4)
    assert decided(memory=3.5e9, left=18) == ("joblib", 3, 2)
    assert decided("hydra.launcher.n_jobs=8", memory=3.5e9, left=18) == ("joblib", 8, 1)
    assert decided("hydra/launcher=basic", left=18) == ("basic", 1, None)


def test_a_process_that_joblib_replaces_between_two_jobs_is_no_news(decided):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decided(left=18)
        warnings.warn_explicit(LOKY, UserWarning, "process_executor.py", 1, module="joblib.externals.loky")
        with pytest.raises(UserWarning, match="other"):
            warnings.warn_explicit("other", UserWarning, "process_executor.py", 1, module="joblib.externals.loky")
    assert LOKY in Path(process_executor.__file__).read_text()


def test_the_largest_images_of_a_sweep_decide_how_many_jobs_fit_into_the_memory(decided):
    sizes = [{"data.size": "[64,64]"}, {"data.size": "[224,224]"}, {"data.size": "${other}"}]
    assert decided(memory=9e9, plan=sizes) == ("joblib", 2, 4)


def test_one_job_at_a_time_runs_in_the_process_of_the_command(decided, capsys):
    assert decided(left=1) == ("basic", 1, None)
    assert decided("threads=8", left=18) == ("basic", 1, 8)
    assert decided(memory=0, left=18) == ("basic", 1, None)
    assert not capsys.readouterr().out


def test_a_sweep_that_goes_on_keeps_its_threads(decided):
    assert decided(record={"threads": 1}, left=1) == ("basic", 1, 1)
    assert decided(record={"threads": 4}, left=9) == ("joblib", 2, 4)
    assert decided("threads=2", record={"threads": 4}, left=9) == ("joblib", 4, 2)
    assert decided("hydra/launcher=basic", record={"threads": 1}, left=9) == ("basic", 1, 1)
    assert decided(record={"threads": None}, left=9) == ("joblib", 8, 1)
