"""How far a journal is sent: whole lines only, and what is left is found without reading what was sent."""

import json

import pytest

from dermoscopy.tracking import server as servers
from dermoscopy.tracking.delivery import direct, flush_pending, pending, read_events, read_sent, sent_file


@pytest.fixture
def journal(tmp_path):
    """A journal of two events and half of a third."""
    path = tmp_path / "lab" / "sweeps" / "today" / "tracking.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"time": 1, "begin": "a"}\n{"time": 2, "status": "FAILED"}\n{"time": 3, "sta')
    return path


def test_half_a_last_line_is_no_event_yet(journal):
    (first, one), (second, two) = read_events(journal)
    assert (one["begin"], two["status"]) == ("a", "FAILED")
    assert [event for _, event in read_events(journal, first)] == [two]
    assert list(read_events(journal, second)) == []
    assert list(read_events(journal.with_name("none"))) == []


def test_a_damaged_line_is_named_with_its_place(journal):
    journal.write_text("no event\n")
    with pytest.raises(ValueError, match="tracking.jsonl is damaged before byte 9"):
        list(read_events(journal))


def test_what_is_left_is_known_by_the_bytes_that_were_sent(journal):
    assert pending(journal) and read_sent(journal) == {"to": None, "run": None, "bytes": 0}
    ends = [end for end, _ in read_events(journal)]
    sent_file(journal).write_text(json.dumps({"to": None, "run": "r", "bytes": ends[-1]}))
    assert not pending(journal)
    assert flush_pending(journal.parents[3]) == []


def test_a_journal_that_is_directed_elsewhere_is_sent_from_its_beginning(journal):
    to = {"uri": "sqlite:///b.db", "experiment": "lab", "artifacts": None}
    direct(journal, to)
    assert read_sent(journal) == {"to": to, "run": None, "bytes": 0}


def test_all_journals_of_sweeps_and_jobs_are_looked_for_and_a_server_that_is_away_is_asked_once(
    tmp_path, capsys, monkeypatch
):
    away, sweep = f"sqlite:///{tmp_path / 'away.db'}", tmp_path / "lab" / "sweeps" / "now"
    begin = {"time": 1, "begin": "a", "tags": {}, "to": {"uri": away, "experiment": "lab", "artifacts": None}}
    asked = []
    monkeypatch.setattr(servers.Server, "open_run", lambda server, *_: asked.append(server) or server._ask(print))
    for place, name in ((".", "tracking"), ("0", "tracking"), ("0", "tracking.rejected"), ("1", "tracking")):
        (sweep / place).mkdir(parents=True, exist_ok=True)
        (sweep / place / f"{name}.jsonl").write_text(json.dumps(begin) + "\n")
    (sweep / "1" / "tracking.jsonl").write_text("{broken\n")
    waiting = {sweep / "tracking.jsonl", sweep / "0" / "tracking.jsonl", sweep / "1" / "tracking.jsonl"}
    assert set(flush_pending(tmp_path)) == waiting
    assert len(asked) == 1
    said = capsys.readouterr().err
    assert said.count("does not answer") == 1
    assert f"{sweep / '1' / 'tracking.jsonl'} is damaged" in said
