"""The record of a job is current at any time, kept after a failure, and sufficient to tell whether the job is done."""

import errno
import json
from pathlib import Path

import pytest

from dermoscopy.machine import files
from dermoscopy.machine.files import FullDisk, write_json
from dermoscopy.machine.leases import LeaseLost, held, lock_file
from dermoscopy.runs.records import read_job
from dermoscopy.runs.stage import Stage
from dermoscopy.sweep.jobs import job_record, still_done

FACTS = {"arm": "zeroing=everything", "seed": 0}


def read(folder):
    return json.loads((folder / "job.json").read_text())


def test_the_status_is_running_while_the_job_runs_and_done_afterwards(tmp_path):
    folder = tmp_path / "0"
    with job_record(folder, FACTS) as (record, before):
        assert before == {}
        assert read(folder)["status"] == "running"
        assert held(folder)
        record["key"] = "k"
    after = read(folder)
    assert (after["status"], after["key"], after["error"]) == ("done", "k", None)
    assert after["seconds"] >= 0
    assert after["ended"] >= after["started"]
    assert not held(folder)


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no such mask"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_an_exception_is_recorded_and_raised_again(tmp_path, error, status):
    with pytest.raises(type(error)), job_record(tmp_path / "0", FACTS):
        raise error
    assert read(tmp_path / "0")["status"] == status
    assert read(tmp_path / "0")["error"] == (str(error) or "KeyboardInterrupt")
    assert "Traceback" in (tmp_path / "0" / "error.txt").read_text()
    with job_record(tmp_path / "0", FACTS) as (_, before):
        assert before["status"] == status
    assert not (tmp_path / "0" / "error.txt").exists()


def test_a_full_disk_is_raised_whatever_wrote_and_recorded_where_there_is_room(tmp_path):
    with pytest.raises(FullDisk, match="MB are free"), job_record(tmp_path / "0", FACTS):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert read(tmp_path / "0")["status"] == "failed"
    assert "MB are free" in read(tmp_path / "0")["error"]


@pytest.mark.parametrize("error", [ValueError("no such mask"), OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()])
def test_a_failure_that_cannot_be_recorded_is_raised_and_the_job_counts_as_interrupted(
    tmp_path, monkeypatch, capsys, error
):
    def fails(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FullDisk if isinstance(error, OSError) else type(error)), job_record(tmp_path / "0", FACTS):
        monkeypatch.setattr(files.Path, "write_bytes", fails)
        raise error
    assert read(tmp_path / "0")["status"] == "running"
    assert read_job(tmp_path / "0")["status"] == "interrupted"
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == ["job.json"]
    assert str(tmp_path / "0") in capsys.readouterr().err


def test_a_job_whose_last_record_cannot_be_written_is_not_done(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FullDisk, match="job.json"), job_record(tmp_path / "0", FACTS):
        monkeypatch.setattr(files.Path, "write_bytes", fails)
    assert read_job(tmp_path / "0")["status"] == "interrupted"


def test_a_job_that_another_process_has_taken_over_leaves_its_record_alone(tmp_path):
    with pytest.raises(LeaseLost), job_record(tmp_path / "0", FACTS):
        before = read(tmp_path / "0")
        lock_file(tmp_path / "0").unlink()
        raise ValueError("no such mask")
    assert read(tmp_path / "0") == before


def test_a_job_can_keep_the_record_of_an_earlier_start(tmp_path):
    with job_record(tmp_path / "0", FACTS) as (record, _):
        record["key"] = "k"
    first = read(tmp_path / "0")
    with job_record(tmp_path / "0", FACTS) as (record, before):
        record |= before
    assert read(tmp_path / "0") == first


def stage(folder: Path, key="k", tests=("none",), rerun=None) -> Stage:
    return Stage("only", 1, key, folder / key, 0, tests, rerun)


@pytest.fixture
def result(tmp_path):
    """Write the result of a stage that was tested without masks, and return its file."""
    return write_json(tmp_path / "k" / "result.json", {"metrics": {}, "tested": ["none"]})


def test_a_job_is_done_if_its_record_and_the_result_of_its_last_stage_agree(tmp_path, result):
    done = {"status": "done", "key": "k"}
    assert still_done(done, [stage(tmp_path)])
    assert not still_done({}, [stage(tmp_path)])
    assert not still_done(done | {"status": "failed"}, [stage(tmp_path)])
    assert not still_done(done, [stage(tmp_path, key="other")])
    assert not still_done(done, [stage(tmp_path, tests=("none", "given"))])
    assert not still_done(done, [stage(tmp_path, rerun="a rerun")])
    result.unlink()
    assert not still_done(done, [stage(tmp_path)])
