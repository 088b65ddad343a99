"""Delivery of a journal: only complete lines are sent, and unsent events are found without reading sent ones."""

import json

import pytest

from dermoscopy.tracking import server as servers
from dermoscopy.tracking.delivery import direct, flush_pending, pending, read_events, read_sent, sent_file


@pytest.fixture
def journal(tmp_path):
    """Write a journal of two events and half of a third, and return its file."""
    path = tmp_path / "lab" / "sweeps" / "today" / "tracking.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"time": 1, "begin": "a"}\n{"time": 2, "status": "FAILED"}\n{"time": 3, "sta')
    return path


def test_an_incomplete_last_line_is_no_event_yet(journal):
    (first, one), (second, two) = read_events(journal)
    assert (one["begin"], two["status"]) == ("a", "FAILED")
    assert [event for _, event in read_events(journal, first)] == [two]
    assert list(read_events(journal, second)) == []
    assert list(read_events(journal.with_name("none"))) == []


def test_a_damaged_line_is_named_with_its_position(journal):
    journal.write_text("no event\n")
    with pytest.raises(ValueError, match="tracking.jsonl is damaged before byte 9"):
        list(read_events(journal))


def test_unsent_events_are_known_by_the_number_of_sent_bytes(journal):
    assert pending(journal) and read_sent(journal) == {"to": None, "run": None, "bytes": 0}
    ends = [end for end, _ in read_events(journal)]
    sent_file(journal).write_text(json.dumps({"to": None, "run": "r", "bytes": ends[-1]}))
    assert not pending(journal)
    assert flush_pending(journal.parents[3]) == []


def test_a_journal_with_a_new_destination_is_sent_from_its_beginning(journal):
    to = {"uri": "sqlite:///b.db", "experiment": "lab", "artifacts": None}
    direct(journal, to)
    assert read_sent(journal) == {"to": to, "run": None, "bytes": 0}


def test_all_journals_of_sweeps_and_jobs_are_sent_and_an_unreachable_server_is_contacted_once(
    tmp_path, capsys, monkeypatch
):
    away, sweep = f"sqlite:///{tmp_path / 'away.db'}", tmp_path / "lab" / "sweeps" / "now"
    begin = {"time": 1, "begin": "a", "tags": {}, "to": {"uri": away, "experiment": "lab", "artifacts": None}}
    contacted = []
    monkeypatch.setattr(
        servers.Server, "open_run", lambda server, *_: contacted.append(server) or server._request(print)
    )
    for place, name in ((".", "tracking"), ("0", "tracking"), ("0", "tracking.rejected"), ("1", "tracking")):
        (sweep / place).mkdir(parents=True, exist_ok=True)
        (sweep / place / f"{name}.jsonl").write_text(json.dumps(begin) + "\n")
    (sweep / "1" / "tracking.jsonl").write_text("{broken\n")
    waiting = {sweep / "tracking.jsonl", sweep / "0" / "tracking.jsonl", sweep / "1" / "tracking.jsonl"}
    assert set(flush_pending(tmp_path)) == waiting
    assert len(contacted) == 1
    printed = capsys.readouterr().err
    assert printed.count("does not answer") == 1
    assert f"{sweep / '1' / 'tracking.jsonl'} is damaged" in printed
