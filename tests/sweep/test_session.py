"""One start of a sweep locks its folder and records how it ended."""

import json
from types import SimpleNamespace

import pytest

from dermoscopy.machine.leases import held
from dermoscopy.sweep import session as sessions
from dermoscopy.sweep.session import SweepSession

FACTS = {"experiment": "lab", "command": "python train.py", "launcher": "basic", "axes": [], "plan": [{}], "jobs": 1}


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a single run."""
    return lambda rerun=False: SweepSession(tmp_path / "runs" / "lab" / "sweeps", "mine", FACTS, True, rerun)


def record(session):
    return json.loads((session.folder / "sweep.json").read_text())


def end_job(session, status):
    """Let the only job end with this status."""
    (session.folder / "0").mkdir(exist_ok=True)
    (session.folder / "0" / "job.json").write_text(json.dumps({"status": status, "stages": []}))


def test_a_session_holds_its_folder_until_it_ends(start):
    session = start()
    assert held(session.folder)
    assert record(session)["status"] == "running"
    with pytest.raises(ValueError, match=f"running already, in {session.folder}"):
        start()
    session.end("interrupted")
    assert not held(session.folder)


@pytest.mark.parametrize(
    ("job", "ended", "status", "failed"),
    [
        ("done", "done", "done", 0),
        ("failed", "done", "failed", 1),
        ("failed", "interrupted", "interrupted", 1),
        ("interrupted", "interrupted", "interrupted", 0),
    ],
)
def test_the_end_of_a_session_records_its_status_and_returns_the_number_of_failed_jobs(
    start, job, ended, status, failed
):
    session = start()
    end_job(session, job)
    assert session.end(ended) == failed
    assert record(session)["status"] == status
    assert record(session)["ended"] is not None


def test_the_same_command_continues_and_knows_whether_the_sweep_is_complete(start):
    first = start()
    end_job(first, "failed")
    first.end("done")
    again = start()
    assert (again.folder, again.before, again.complete) == (first.folder, "failed", False)
    end_job(again, "done")
    again.end("done")
    third = start()
    assert (third.before, third.complete) == ("done", True)
    third.end("done")
    anew = start(rerun=True)
    assert anew.folder != first.folder and anew.before is None
    anew.end("interrupted")


def test_the_parent_run_of_a_sweep_is_in_its_record_and_a_single_run_has_none(tmp_path, monkeypatch, start):
    monkeypatch.setattr(sessions, "begin_parent", lambda *_: SimpleNamespace(run_id="ab"))
    monkeypatch.setattr(sessions, "open_experiment", lambda *_: None)
    alone = start()
    alone.track("sqlite:///a.db", "lab", None)
    assert record(alone)["parent_run"] is None
    sweep = SweepSession(tmp_path / "runs" / "lab" / "sweeps", "other", FACTS, False, False)
    sweep.track("sqlite:///a.db", "lab", None)
    assert record(sweep)["parent_run"] == "ab"
    alone.end("interrupted")
    sweep.held.close()
