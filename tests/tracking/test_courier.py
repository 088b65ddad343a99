"""The process of the command sends what other processes write to their journals."""

import time

from dermoscopy.tracking import courier
from dermoscopy.tracking.courier import sending
from dermoscopy.tracking.delivery import journals_of
from dermoscopy.tracking.journal import Journal


def test_a_journal_that_does_not_send_itself_contacts_no_server_and_loses_nothing(tmp_path):
    journal = Journal(tmp_path / "0", f"sqlite:///{tmp_path / 'away.db'}", "lab")
    journal.sends = False
    journal.begin("a", {}, {"job": 0})
    journal.log_metrics({"loss": 1.0}, 0)
    journal.finalize("success")
    again = Journal(tmp_path / "0", f"sqlite:///{tmp_path / 'away.db'}", "lab")
    again.sends = False
    again.begin("a", {}, {"job": 0})
    assert again.logged == {(0, "loss"): 1.0}
    assert journals_of(tmp_path) == [journal.path]


def test_journals_that_other_processes_write_are_sent_in_turns_and_a_failure_stops_none(tmp_path, monkeypatch, capsys):
    sent = []

    def deliver(path):
        if path.parent.name == "1":
            raise ValueError("damaged")
        sent.append(path.parent.name)
        return True

    monkeypatch.setattr(courier, "pending", lambda _: True)
    monkeypatch.setattr(courier, "deliver", deliver)
    for number in "012":
        (tmp_path / number).mkdir()
        (tmp_path / number / "tracking.jsonl").touch()
    with sending(tmp_path, seconds=0.01):
        while len(sent) < 4:
            time.sleep(0.01)
    count = len(sent)
    assert {"0", "2"} == set(sent[:2])
    time.sleep(0.05)
    assert len(sent) == count
    assert "damaged" in capsys.readouterr().err


def test_the_journal_of_a_sweep_comes_before_those_of_its_arms_and_jobs(tmp_path):
    for place in ("0", "1"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "tracking.jsonl").touch()
    for name in ("tracking-arm-0.jsonl", "tracking.jsonl", "tracking.rejected.jsonl"):
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in journals_of(tmp_path)]
    assert names == ["tracking.jsonl", "tracking-arm-0.jsonl", "0/tracking.jsonl", "1/tracking.jsonl"]
