"""The sweep that a command continues, whether it is complete, and its record."""

import json

import pytest

from dermoscopy.machine.files import write_json
from dermoscopy.machine.leases import lease
from dermoscopy.runs import records as sweeps


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "today").mkdir()
    (tmp_path / "today" / "sweep.json").write_text("{")
    with pytest.raises(ValueError, match="today/sweep.json is damaged .*: delete it, and start the same command again"):
        sweeps.find_or_make(tmp_path, "mine")


def test_a_command_continues_the_latest_sweep_of_its_identity_and_another_one_begins_its_own(tmp_path):
    first = sweeps.find_or_make(tmp_path, "mine")
    was, record = sweeps.start_sweep(first, {"identity": "mine", "jobs": 1})
    assert was is None
    assert sweeps.find_or_make(tmp_path, "mine") == first
    second, third = sweeps.find_or_make(tmp_path, "yours"), sweeps.find_or_make(tmp_path, "theirs")  # in one second
    assert len({first, second, third}) == 3
    sweeps.end_sweep(first, record | {"status": "interrupted"})
    was, again = sweeps.start_sweep(first, {"identity": "mine", "jobs": 1})
    assert was == "interrupted"
    assert again["started"] == record["started"]
    assert sweeps.find_or_make(tmp_path, "mine", rerun=True) == first
    sweeps.end_sweep(first, record | {"status": "done"})
    assert sweeps.find_or_make(tmp_path, "mine") == first
    assert sweeps.find_or_make(tmp_path, "mine", rerun=True) != first
    assert (again["status"], again["ended"]) == ("running", None)


def make_job(folder, number, status="done", key="k"):
    write_json(folder / str(number) / "job.json", {"status": status, "stages": [{"key": key}]})


def test_a_sweep_is_complete_when_every_job_is_done_and_its_stages_exist(tmp_path):
    folder = tmp_path / "sweeps" / "now"
    sweeps.start_sweep(folder, {"jobs": 2})
    write_json(tmp_path / "k" / "result.json", {})
    make_job(folder, 0)
    assert sweeps.jobs_left(folder) == 1
    make_job(folder, 1, "failed")
    assert sweeps.jobs_left(folder) == 1
    make_job(folder, 1)
    assert sweeps.jobs_left(folder) == 0
    (tmp_path / "k" / "result.json").unlink()  # deleted by the user: to be trained again
    assert sweeps.jobs_left(folder) == 2


def test_a_running_job_that_no_process_holds_was_interrupted(tmp_path):
    make_job(tmp_path, 0, "running")
    make_job(tmp_path, 1, "running")
    with lease(tmp_path / "1"):
        assert {n: job["status"] for n, job in sweeps.read_jobs(tmp_path).items()} == {0: "interrupted", 1: "running"}


def test_a_stopped_sweep_begins_no_further_job_until_it_is_started_again(tmp_path):
    sweeps.start_sweep(tmp_path, {"jobs": 1})
    sweeps.stop(tmp_path)
    assert sweeps.stopped(tmp_path)
    sweeps.start_sweep(tmp_path, {"jobs": 1})
    assert not sweeps.stopped(tmp_path)


def test_the_record_on_disk_is_the_one_returned(tmp_path):
    _, record = sweeps.start_sweep(tmp_path, {"jobs": 3, "axes": ["seed"]})
    assert json.loads((tmp_path / "sweep.json").read_text()) == record == sweeps.read_sweep(tmp_path)
