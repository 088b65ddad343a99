"""One start of a sweep locks its folder and records how it ended."""

import json
from types import SimpleNamespace

import pytest

from dermoscopy.machine.leases import held
from dermoscopy.sweep import session as sessions
from dermoscopy.sweep.session import SweepSession
from dermoscopy.tracking.sweep_run import Place

FACTS = {"experiment": "lab", "command": "python train.py", "launcher": "basic", "axes": [], "plan": [{}], "jobs": 1}


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that starts a single run; its scores are not printed, as it has none."""
    monkeypatch.setattr(sessions.tables, "print_run", lambda _: None)
    return lambda rerun=False: SweepSession(tmp_path / "runs" / "lab" / "sweeps", "mine", FACTS, True, rerun)


def record(session):
    return json.loads((session.folder / "sweep.json").read_text())


def end_job(session, status):
    """Let the only job end with this status."""
    (session.folder / "0").mkdir(exist_ok=True)
    record = {"experiment": "lab", "arm": "lab", "axes": {}, "seed": 0, "fold": None, "error": None}
    record |= {"status": status, "stages": [], "metrics": {}}
    (session.folder / "0" / "job.json").write_text(json.dumps(record))


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
        ("interrupted", "interrupted", "interrupted", 1),
        ("running", "done", "interrupted", 1),  # its record could not be written, or its process was killed
        (None, "done", "interrupted", 1),
    ],
)
def test_the_end_of_a_session_records_its_status_and_returns_the_number_of_jobs_not_done(
    start, job, ended, status, failed
):
    session = start()
    if job:
        end_job(session, job)
    assert session.end(ended) == failed
    assert record(session)["status"] == status
    assert record(session)["ended"] is not None


def test_the_same_command_continues_and_knows_whether_the_sweep_is_complete(start):
    first = start()
    end_job(first, "failed")
    first.end("done")
    again = start()
    assert (again.folder, again.before, again.left) == (first.folder, "failed", 1)
    end_job(again, "done")
    again.end("done")
    third = start()
    assert (third.before, third.left) == ("done", 0)
    third.end("done")
    anew = start(rerun=True)
    assert anew.folder != first.folder and anew.before is None
    anew.end("interrupted")


def test_the_parent_run_of_a_sweep_is_in_its_record_and_a_single_run_has_none(tmp_path, monkeypatch, start):
    runs = SimpleNamespace(parent=SimpleNamespace(run_id="ab"), run_ids={"lab": "cd"})
    monkeypatch.setattr(sessions, "SweepRun", lambda *_: runs)
    monkeypatch.setattr(sessions, "open_tracking", lambda *_: None)
    place = Place("sqlite:///a.db", "lab")
    alone = start()
    alone.track(place, "val/f1", lower=False)
    assert record(alone)["parent_run"] is None
    sweep = SweepSession(tmp_path / "runs" / "lab" / "sweeps", "other", FACTS, False, False)
    sweep.track(place, "val/f1", lower=False)
    assert record(sweep)["parent_run"] == "ab"
    assert record(sweep)["arm_runs"] == {"lab": "cd"}
    alone.end("interrupted")
    sweep.held.close()


def test_a_session_whose_tables_cannot_be_written_is_not_done_and_holds_nothing(start, monkeypatch):
    session = start()
    end_job(session, "done")

    def fails(_):
        raise OSError("no room")

    monkeypatch.setattr(sessions.runs, "load_sweep", fails)
    with pytest.raises(OSError, match="no room"):
        session.end("done")
    assert record(session)["status"] == "interrupted"
    assert not held(session.folder)


def test_a_session_that_cannot_begin_holds_nothing(tmp_path, monkeypatch, start):
    def fails(*_):
        raise OSError("no room")

    monkeypatch.setattr(sessions.sweeps, "start_sweep", fails)
    with pytest.raises(OSError, match="no room"):
        start()
    assert not list(tmp_path.glob("runs/lab/sweeps/.*.lock"))
