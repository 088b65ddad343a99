"""The line on how long a run and its sweep will still take, with a clock that is set by hand."""

import json
import time

import pytest

from dermoscopy.sweep.time_left import TimeLeft, sweep_time, until

AXES = {"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}
NOON = time.mktime((2026, 3, 1, 12, 0, 0, 0, 0, -1))


def noon():
    return NOON


def test_a_sweep_tells_its_time_and_its_end(make_sweep):
    folder = make_sweep(AXES, ["done", "running", "running", "missing"])
    assert sweep_time(folder, noon) == "about 2 min for the 3 jobs left, until 12:02"  # (2 x 70 + 110) / 2 s


def test_a_sweep_whose_next_job_begins_in_a_moment_counts_all_its_processes(make_sweep):
    folder = make_sweep(AXES, ["done", "running", "missing", "missing"])
    assert sweep_time(folder, noon) == "about 6 min for the 3 jobs left, until 12:06"
    record = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps(record | {"processes": 2}))
    assert sweep_time(folder, noon) == "about 3 min for the 3 jobs left, until 12:03"


def test_nothing_is_told_of_what_is_short_or_unknown(make_sweep):
    assert sweep_time(make_sweep(AXES, ["done"] * 4, "over"), noon) is None
    assert sweep_time(make_sweep(AXES, ["missing"] * 4, "begins"), noon) is None


@pytest.mark.parametrize(("hours", "text"), [(1, "13:00"), (11.9, "23:54"), (13, "2026-03-02 01:00")])
def test_the_end_has_a_date_where_it_is_not_today(hours, text):
    assert until(hours * 3600, noon) == text


def test_a_run_tells_its_own_time_and_that_of_the_sweep(make_sweep, capsys):
    folder = make_sweep(AXES, ["done", "running", "missing", "missing"])
    TimeLeft(folder / "1", noon)()
    expected = "  about 1 min left for this run (2 stages), 6 min for the 3 jobs left, until 12:06\n"
    assert capsys.readouterr().out == expected  # 70 s, and 2 x (40 + 110) s of the others


def test_an_estimate_is_printed_again_only_if_it_has_changed(make_sweep, capsys):
    folder = make_sweep({}, ["running"])
    now = [NOON]
    tell = TimeLeft(folder / "0", lambda: now[0])
    tell()
    first = capsys.readouterr().out
    assert "about 1 min left for this run (2 stages), until 12:01" in first
    tell()
    assert not capsys.readouterr().out
    now[0] += 60  # no epoch was finished in the meantime
    tell()
    assert "until 12:02" in capsys.readouterr().out


def test_a_run_that_is_about_to_end_tells_nothing(make_sweep, capsys):
    folder = make_sweep({}, ["running"])
    record = json.loads((folder / "0" / "job.json").read_text())
    record["stages"][1]["epochs"] = 3  # the last one is done
    (folder / "0" / "job.json").write_text(json.dumps(record))
    TimeLeft(folder / "0", noon)()
    assert not capsys.readouterr().out
