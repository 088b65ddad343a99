"""Tests of decisions on the precision: one per sweep, one per machine, and none that is forgotten."""

import json
import shutil
from contextlib import contextmanager

import pytest

from dermoscopy.runs.files import PRECISION
from dermoscopy.runs.precision import BF16, FP32, Measurer, TrialFailed, decided

OF = {"network": {"backbone": "resnet18"}, "images": 32}


def measurer(precision, hardware="here", measured=True, calls=None):
    """Return a measurer that decides for this precision, and notes in `calls` that it was asked."""

    def decide():
        if calls is not None:
            calls.append(precision)
        decision = {"precision": precision, "reason": "", "hardware": hardware, "threads": 1, "torch": "2"}
        return decision | ({"seconds": {FP32: 2.0, BF16: 1.0}} if measured else {})

    return Measurer(lambda: {"hardware": hardware}, decide)


def test_a_sweep_decides_once_and_keeps_its_decision_on_other_hardware(tmp_path):
    runs, sweep = tmp_path, tmp_path / "x/sweeps/now"
    assert decided(OF, sweep, runs, measurer(BF16)) == BF16
    elsewhere = Measurer(lambda: pytest.fail("asks the machine"), lambda: pytest.fail("measures"))
    assert decided(OF, sweep, runs, elsewhere) == BF16
    assert decided({**OF, "images": 16}, sweep, runs, measurer(FP32)) == FP32  # of another network or size


def test_a_machine_decides_alike_for_the_next_sweep_but_not_for_other_hardware(tmp_path):
    calls = []
    sweeps = [tmp_path / f"x/sweeps/{number}" for number in range(3)]
    assert decided(OF, sweeps[0], tmp_path, measurer(BF16, calls=calls)) == BF16
    assert decided(OF, sweeps[1], tmp_path, measurer(FP32, calls=calls)) == BF16
    assert decided(OF, sweeps[2], tmp_path, measurer(FP32, "elsewhere", calls=calls)) == FP32
    assert calls == [BF16, FP32]


def test_a_decision_says_what_it_was_about_and_what_was_measured(tmp_path):
    decided(OF, tmp_path / "sweep", tmp_path, measurer(BF16))
    for folder in (tmp_path / "sweep", tmp_path):
        (decision,) = json.loads((folder / PRECISION).read_text()).values()
        assert decision["of"] == OF and decision["seconds"] == {FP32: 2.0, BF16: 1.0}


def test_what_was_not_measured_is_remembered_by_the_sweep_alone(tmp_path):
    assert decided(OF, tmp_path / "sweep", tmp_path, measurer(BF16, measured=False)) == BF16
    assert (tmp_path / "sweep" / PRECISION).is_file() and not (tmp_path / PRECISION).exists()


def test_a_job_that_waited_takes_the_decision_of_the_other(tmp_path, monkeypatch):
    decided(OF, tmp_path / "first", tmp_path, measurer(BF16))

    @contextmanager
    def waits(*_):
        (tmp_path / "sweep").mkdir()
        shutil.copy(tmp_path / "first" / PRECISION, tmp_path / "sweep")  # what the holder wrote
        yield

    monkeypatch.setattr("dermoscopy.runs.precision.lease", waits)
    asked = Measurer(lambda: pytest.fail("asks the machine"), lambda: pytest.fail("measures"))
    assert decided(OF, tmp_path / "sweep", tmp_path / "elsewhere", asked) == BF16


def test_a_failed_measurement_is_not_remembered(tmp_path):
    def fail():
        raise TrialFailed("no")

    with pytest.raises(TrialFailed):
        decided(OF, tmp_path / "sweep", tmp_path, Measurer(dict, fail))
    assert not list(tmp_path.rglob(PRECISION))
    assert decided(OF, tmp_path / "sweep", tmp_path, measurer(FP32)) == FP32
