"""Which sweep a command continues, what is left of it, and what its record says."""

import json

import pytest

from dermoscopy.machine.files import write_json
from dermoscopy.machine.leases import lease
from dermoscopy.runs import records as sweeps
from dermoscopy.sweep.follow import follow
from dermoscopy.sweep.plan import identity, plan_jobs

CONFIGURATION = {
    "name": "zeroing",
    "seed": 0,
    "threads": None,
    "sweep": {"fail_fast": False},
    "split": {"file": "a.csv"},
}
AXES = {"zeroing": ["never", "always"], "seed": ["0", "1"]}


@pytest.fixture
def conf(tmp_path):
    """A configuration with the group `zeroing` and another file."""
    (tmp_path / "conf" / "zeroing").mkdir(parents=True)
    (tmp_path / "conf" / "zeroing" / "never.yaml").write_text("p: 1.0\n")
    (tmp_path / "conf" / "train.yaml").write_text("seed: 0\n")
    return tmp_path / "conf"


def test_the_same_command_is_the_same_sweep_and_comments_and_threads_do_not_matter(conf):
    before = identity(CONFIGURATION, AXES, [conf], "data")
    (conf / "zeroing" / "never.yaml").write_text("# said differently\np: 1.0\n")
    (conf / "train.yaml").write_text("seed: 1\n")  # what was composed from it counts, not the file
    other_way = CONFIGURATION | {"threads": 1, "sweep": {"fail_fast": True}}
    assert identity(other_way, AXES, [conf], "data") == before


def test_another_value_axis_file_or_data_is_another_sweep(conf, tmp_path):
    seen = {identity(CONFIGURATION, AXES, [conf], "data")}
    seen.add(identity(CONFIGURATION | {"seed": 1}, AXES, [conf], "data"))
    seen.add(identity(CONFIGURATION, AXES | {"seed": ["0"]}, [conf], "data"))
    seen.add(identity(CONFIGURATION, AXES, [conf], "other data"))
    (conf / "zeroing" / "never.yaml").write_text("p: 0.5\n")
    seen.add(identity(CONFIGURATION, AXES, [conf], "data"))
    (tmp_path / "a.csv").write_text("id,side\n")
    split = {"split": {"file": str(tmp_path / "a.csv")}}
    seen.add(identity(CONFIGURATION | split, AXES, [conf], "data"))
    (tmp_path / "a.csv").write_text("id,side\nx,test\n")
    seen.add(identity(CONFIGURATION | split, AXES, [conf], "data"))
    assert len(seen) == 7


def test_jobs_are_planned_with_the_last_axis_changing_fastest():
    assert [(job["zeroing"], job["seed"]) for job in plan_jobs(AXES)] == [
        ("never", "0"),
        ("never", "1"),
        ("always", "0"),
        ("always", "1"),
    ]
    assert plan_jobs({}) == [{}]
    with pytest.raises(ValueError, match="the axis seed names 1 twice"):
        plan_jobs({"seed": ["1", "0", "1"]})


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


def test_a_sweep_is_complete_when_every_job_is_done_and_its_stages_are_there(tmp_path):
    folder = tmp_path / "sweeps" / "now"
    sweeps.start_sweep(folder, {"jobs": 2})
    write_json(tmp_path / "k" / "result.json", {})
    make_job(folder, 0)
    assert not sweeps.complete(folder)
    make_job(folder, 1, "failed")
    assert not sweeps.complete(folder)
    make_job(folder, 1)
    assert sweeps.complete(folder)
    (tmp_path / "k" / "result.json").unlink()  # thrown away by the user: to be trained again
    assert not sweeps.complete(folder)


def test_a_job_that_runs_and_is_held_by_nobody_was_interrupted(tmp_path):
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


def test_what_becomes_of_jobs_elsewhere_is_said_once(tmp_path, capsys):
    job = {"arm": "zeroing=never", "seed": 0, "fold": 2, "started": "t", "stages": []}
    write_json(tmp_path / "0" / "job.json", job | {"status": "done", "seconds": 1})  # before this attempt
    with follow(tmp_path, 3, seconds=0.01):
        write_json(tmp_path / "1" / "job.json", job | {"status": "done", "seconds": 12.3})
        write_json(tmp_path / "2" / "job.json", job | {"status": "failed", "error": "no such thing"})
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "2/3 zeroing=never, seed 0, fold 2: done in 12 s",
        f"3/3 zeroing=never, seed 0, fold 2: failed: no such thing ({tmp_path / '2' / 'error.txt'})",
    ]


def test_the_record_on_disk_is_the_one_returned(tmp_path):
    _, record = sweeps.start_sweep(tmp_path, {"jobs": 3, "axes": ["seed"]})
    assert json.loads((tmp_path / "sweep.json").read_text()) == record == sweeps.read_sweep(tmp_path)
