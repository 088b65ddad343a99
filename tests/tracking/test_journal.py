"""The journal of a run: no event is lost or recorded twice if processes are killed or the server fails."""

import json
import shutil
import socket

import pytest

from dermoscopy.machine.leases import lease
from dermoscopy.tracking import server as servers
from dermoscopy.tracking.delivery import flush_pending, pending, read_sent, sent_file
from dermoscopy.tracking.events import LIMITS
from dermoscopy.tracking.experiment import connect
from dermoscopy.tracking.journal import Journal
from dermoscopy.tracking.sweep_run import Place, open_tracking

IDENTITY = {"sweep": "today", "job": 0, "key": "a1"}


@pytest.fixture
def lab(tmp_path, empty_database, monkeypatch):
    """Return a tracking database with access to its content, and with journals that send each event at once."""

    class Lab:
        file = tmp_path / "mlflow.db"
        uri = f"sqlite:///{file}"
        runs_folder = tmp_path / "runs"
        folder = runs_folder / "lab" / "sweeps" / "today" / "0"

        def journal(self, pause=0.0, uri=None, arm="arm", **changes):
            journal = Journal(self.folder, uri or self.uri, "lab", tmp_path / "artifacts", pause)
            journal.begin(f"{arm}, seed 0", {"arm": arm, "fold": None}, IDENTITY | changes)
            return journal

        def runs(self):
            client = connect(self.uri)
            experiment = client.get_experiment_by_name("lab")
            return client.search_runs([experiment.experiment_id]) if experiment else []

        def run(self):
            (run,) = self.runs()
            return run

        def points(self, metric):
            history = connect(self.uri).get_metric_history(self.run().info.run_id, metric)
            return sorted((point.step, point.value) for point in history)

    shutil.copy(empty_database, Lab.file)
    monkeypatch.setattr(servers, "REST", 0)
    servers.server.cache_clear()
    return Lab()


def test_a_run_has_its_name_tags_parameters_metrics_artifacts_and_end(lab, tmp_path):
    journal = lab.journal()
    journal.log_hyperparams({"optimizer.lr": 0.1, "network.weights": None})
    for epoch in range(3):
        journal.log_metrics({"val/f1": epoch / 10, "val/ap": float("nan"), "val/loss": float("inf")}, step=epoch)
    journal.log_metrics({"best/val/f1": 0.2})
    (tmp_path / "config.yaml").write_text("a: 1")
    journal.log_artifact(tmp_path / "config.yaml")
    journal.set_tags({"checkpoint": "best.ckpt"})
    journal.finalize("success")

    run = lab.run()
    assert (run.info.run_id, run.info.run_name, run.info.status) == (journal.run_id, "arm, seed 0", "FINISHED")
    assert run.info.start_time <= run.info.end_time
    assert {
        "arm": "arm",
        "sweep": "today",
        "job": "0",
        "key": "a1",
        "checkpoint": "best.ckpt",
    }.items() <= run.data.tags.items()
    assert "fold" not in run.data.tags
    assert run.data.params == {"optimizer.lr": "0.1", "network.weights": "None"}
    assert lab.points("val/f1") == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert run.data.metrics == {"val/f1": 0.2, "best/val/f1": 0.2}
    assert [file.path for file in connect(lab.uri).list_artifacts(run.info.run_id)] == ["config.yaml"]
    assert not pending(journal.path)


def test_a_run_killed_during_an_epoch_continues_as_one_run_with_each_point_once(lab):
    lab.journal().log_metrics({"loss": 1.0}, step=0)
    again = lab.journal()
    again.log_metrics({"loss": 1.0}, step=0)  # the epoch that is repeated
    again.log_metrics({"loss": 0.5}, step=1)
    again.finalize("success")
    assert lab.points("loss") == [(0, 1.0), (1, 0.5)]
    assert lab.run().info.status == "FINISHED"


def test_an_ended_run_that_is_continued_is_running_again(lab):
    journal = lab.journal()
    journal.finalize("aborted")
    assert lab.run().info.status == "KILLED"
    again = lab.journal()
    assert lab.run().info.status == "RUNNING"
    again.finalize("success")
    assert lab.run().info.status == "FINISHED"


def test_a_process_killed_before_it_knew_the_run_id_leaves_no_second_run(lab):
    journal = lab.journal()
    sent_file(journal.path).unlink()
    again = lab.journal()
    again.finalize("success")
    assert lab.run().info.run_id == again.run_id


def test_events_sent_but_not_recorded_as_sent_are_in_mlflow_once(lab):
    journal = lab.journal()
    journal.log_hyperparams({"lr": 1})
    before = sent_file(journal.path).read_text()
    for epoch in range(3):
        journal.log_metrics({"loss": 1.0, "f1": epoch}, step=epoch)
    points = lab.points("loss"), lab.points("f1")
    sent_file(journal.path).write_text(before)  # as if the process had been killed after its request
    assert lab.journal().flush()
    sent_file(journal.path).unlink()
    assert lab.journal().flush()
    assert (lab.points("loss"), lab.points("f1")) == points


@pytest.mark.parametrize("torn", [b"", b"{", b'{"time": 1, "metrics": {"loss": 9'])
def test_an_incomplete_last_line_is_cut_off(lab, torn):
    journal = lab.journal()
    journal.log_metrics({"loss": 1.0}, step=0)
    with journal.path.open("ab") as file:
        file.write(torn)
    assert flush_pending(lab.runs_folder) == []  # it may still be being written
    lab.journal().log_metrics({"loss": 0.5}, step=1)
    assert all(json.loads(line) for line in journal.path.read_text().splitlines())
    assert lab.points("loss") == [(0, 1.0), (1, 0.5)]


@pytest.mark.parametrize("fits", [0, 1, 30])
def test_an_event_that_a_full_disk_cuts_is_logged_again_and_the_next_ones_are_read(lab, room, fits):
    journal = lab.journal()
    journal.log_metrics({"loss": 1.0}, step=0)
    room(journal.path.stat().st_size + fits)
    with pytest.raises(OSError):
        journal.log_metrics({"loss": 0.5}, step=1)
    room(-1)
    journal.log_metrics({"loss": 0.5}, step=1)  # by the same process, or by the next one
    again = lab.journal()
    again.log_metrics({"loss": 0.5}, step=1)
    again.finalize("success")
    assert lab.points("loss") == [(0, 1.0), (1, 0.5)]
    assert (
        len([line for line in journal.path.read_text().splitlines() if "loss" in json.loads(line).get("metrics", ())])
        == 2
    )


@pytest.mark.parametrize("kept", [0, 10, 100])
def test_a_journal_with_an_incomplete_first_line_begins_anew(lab, tmp_path, kept):
    lab.file.rename(tmp_path / "away.db")
    journal = lab.journal()
    (tmp_path / "away.db").rename(lab.file)
    sent_file(journal.path).unlink()
    journal.path.write_bytes(journal.path.read_bytes()[:kept])
    assert flush_pending(lab.runs_folder) == []
    lab.journal().log_metrics({"loss": 1.0}, step=0)
    assert lab.points("loss") == [(0, 1.0)]


def test_another_key_in_the_same_folder_is_another_run_and_the_first_one_ends(lab):
    lab.journal().log_metrics({"loss": 1.0}, step=0)
    other = lab.journal(key="b2")
    other.log_metrics({"loss": 2.0}, step=0)
    other.finalize("success")
    runs = {run.data.tags["key"]: run for run in lab.runs()}
    assert {key: (run.info.status, run.data.metrics["loss"]) for key, run in runs.items()} == {
        "a1": ("KILLED", 1.0),
        "b2": ("FINISHED", 2.0),
    }


def test_the_journal_of_another_key_is_sent_later_if_the_database_was_missing(lab, tmp_path):
    lab.file.rename(tmp_path / "away.db")
    lab.journal().log_metrics({"loss": 1.0}, step=0)
    lab.journal(key="b2").log_metrics({"loss": 2.0}, step=0)
    assert len(flush_pending(lab.runs_folder)) == 2
    (tmp_path / "away.db").rename(lab.file)
    assert flush_pending(lab.runs_folder) == []
    assert {run.data.tags["key"]: run.data.metrics["loss"] for run in lab.runs()} == {"a1": 1.0, "b2": 2.0}


def test_a_database_that_is_missing_for_a_while_gets_everything_in_order(lab, tmp_path, capsys):
    journal = lab.journal()
    for epoch in range(30):
        if epoch == 10:
            lab.file.rename(tmp_path / "away.db")
        if epoch == 20:
            shutil.copy(tmp_path / "away.db", lab.file)  # another file with the same content
        journal.log_metrics({"loss": float(epoch)}, step=epoch)
    journal.finalize("success")
    assert lab.points("loss") == [(epoch, float(epoch)) for epoch in range(30)]
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 2
    assert f"{lab.uri} does not answer (there is no file {lab.file})" in printed[0]
    assert str(journal.path) in printed[0]
    assert "answers again" in printed[1]


@pytest.mark.parametrize("content", [b"", b"this is no database" * 1000])
def test_a_database_that_is_broken_for_a_while_gets_everything(lab, tmp_path, content):
    journal = lab.journal()
    lab.file.rename(tmp_path / "away.db")
    lab.file.write_bytes(content)
    for epoch in range(3):
        journal.log_metrics({"loss": float(epoch)}, step=epoch)
    journal.finalize("success")
    assert flush_pending(lab.runs_folder) == [journal.path]
    (tmp_path / "away.db").rename(lab.file)
    assert flush_pending(lab.runs_folder) == []
    assert lab.points("loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert not journal.path.with_suffix(".rejected.jsonl").exists()


def test_everything_is_sent_again_to_a_replaced_database_and_after_a_deleted_run(lab, empty_database):
    journal = lab.journal()
    journal.log_metrics({"loss": 1.0}, step=0)
    shutil.copy(empty_database, lab.file)
    journal.log_metrics({"loss": 0.5}, step=1)
    assert lab.points("loss") == [(0, 1.0), (1, 0.5)]
    connect(lab.uri).delete_run(journal.run_id)
    journal.log_metrics({"loss": 0.2}, step=2)
    assert lab.points("loss") == [(0, 1.0), (1, 0.5), (2, 0.2)]


def test_a_run_that_moves_to_another_server_is_sent_there_from_its_beginning(lab, empty_database, tmp_path):
    lab.journal().log_metrics({"loss": 1.0}, step=0)
    shutil.copy(empty_database, tmp_path / "second.db")
    second = lab.journal(uri=f"sqlite:///{tmp_path / 'second.db'}")
    second.log_metrics({"loss": 0.5}, step=1)
    history = connect(f"sqlite:///{tmp_path / 'second.db'}").get_metric_history(second.run_id, "loss")
    assert sorted((point.step, point.value) for point in history) == [(0, 1.0), (1, 0.5)]


def test_an_unreachable_server_is_contacted_again_only_after_the_pause_and_at_the_end(lab, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    contacted = []
    monkeypatch.setattr(servers, "connect", lambda uri: contacted.append(uri) or connect(uri))
    journal = lab.journal(pause=1000.0, uri=uri)
    for epoch in range(50):
        journal.log_metrics({"loss": 1.0}, step=epoch)
    assert len(contacted) == 1
    journal.finalize("failed")
    assert len(contacted) == 2
    assert read_sent(journal.path)["bytes"] == 0
    assert flush_pending(lab.runs_folder) == [journal.path]


def test_many_epochs_are_sent_in_few_requests(lab, monkeypatch, tmp_path):
    lab.file.rename(tmp_path / "away.db")
    journal = lab.journal()
    for epoch in range(1000):
        journal.log_metrics({name: float(epoch) for name in ("loss", "f1", "ap", "dice")}, step=epoch)
    (tmp_path / "away.db").rename(lab.file)
    requests = []
    send = servers._send
    monkeypatch.setattr(servers, "_send", lambda *arguments: requests.append(1) or send(*arguments))
    assert journal.flush(force=True)
    assert len(requests) == 1000 * 4 / LIMITS["metrics"]
    assert lab.points("dice") == [(epoch, float(epoch)) for epoch in range(1000)]


def test_sending_takes_at_most_a_twentieth_of_the_time(lab, monkeypatch):
    clock = 0.0
    monkeypatch.setattr(servers, "REST", 19)
    monkeypatch.setattr(servers.time, "monotonic", lambda: clock)
    sent = []

    def send():
        nonlocal clock
        clock += 0.1
        sent.append(clock)

    while clock < 200:
        servers.server(lab.uri).deliver(send, pause=30, kept=lab.folder)
        clock += 0.05
    assert len(sent) * 0.1 == pytest.approx(200 / 20, rel=0.05)


def test_values_that_the_server_refuses_are_kept_in_a_file_and_later_ones_are_sent(lab, capsys, tmp_path):
    journal = lab.journal()
    connect(lab.uri).log_param(journal.run_id, "p7", "set elsewhere")
    journal.log_hyperparams({f"p{n}": n for n in range(250)})
    journal.log_metrics({"loss": 1.0, "f1": 3.0}, step=0)
    journal.log_artifact(tmp_path / "never_written.csv")
    journal.finalize("success")
    run = lab.run()
    assert run.data.params == {f"p{n}": str(n) for n in range(250)} | {"p7": "set elsewhere"}
    assert run.data.metrics == {"loss": 1.0, "f1": 3.0}
    assert run.info.status == "FINISHED"
    rejected = [json.loads(line) for line in journal.path.with_suffix(".rejected.jsonl").read_text().splitlines()]
    assert rejected[0]["params"] == {"p7": "7"}
    assert rejected[1]["artifact"].endswith("never_written.csv")
    assert all(event["reason"] for event in rejected)
    assert len(capsys.readouterr().err.splitlines()) == len(rejected) == 2


def test_names_and_values_of_any_characters_are_sent(lab, tmp_path):
    labels = ("basal cell carcinoma (BCC)", "MEL+NV", "a//b", "..", "x" * 300, "caf\udce9")
    journal = lab.journal(arm="caf\udce9 ($x$)")
    journal.log_hyperparams({f"weights.{label}": label for label in labels})
    journal.log_metrics({f"val/f1/{label}": float(n) for n, label in enumerate(labels)}, step=0)
    journal.set_tags({"file": "caf\udce9\0", "long": "x" * 9000})
    (tmp_path / "a (b) + c & #1 50 %.csv").write_text("1")
    journal.log_artifact(tmp_path / "a (b) + c & #1 50 %.csv")
    journal.finalize("success")
    run = lab.run()
    assert not pending(journal.path)
    assert not journal.path.with_suffix(".rejected.jsonl").exists()
    assert sorted(run.data.metrics.values()) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert len(run.data.params) == len(labels)
    assert "val/f1/basal cell carcinoma _BCC_" in {name[:33] for name in run.data.metrics}
    assert run.info.status == "FINISHED"
    assert [file.path for file in connect(lab.uri).list_artifacts(run.info.run_id)] == ["a (b) + c & #1 50 %.csv"]


def test_an_experiment_deleted_during_a_run_keeps_the_rest_in_the_journal_until_it_is_restored(lab, capsys):
    journal = lab.journal()
    journal.log_metrics({"loss": 1.0}, step=0)
    number = connect(lab.uri).get_experiment_by_name("lab").experiment_id
    connect(lab.uri).delete_experiment(number)
    journal.log_metrics({"loss": 0.5}, step=1)
    journal.finalize("success")
    assert pending(journal.path)
    (line,) = capsys.readouterr().err.splitlines()
    assert "lab" in line and str(journal.path) in line
    connect(lab.uri).restore_experiment(number)
    assert flush_pending(lab.runs_folder) == []
    assert lab.points("loss") == [(0, 1.0), (1, 0.5)]


def test_a_run_of_an_experiment_that_was_renamed_goes_on_in_it(lab):
    journal = lab.journal()
    number = connect(lab.uri).get_experiment_by_name("lab").experiment_id
    connect(lab.uri).rename_experiment(number, "renamed")
    journal.log_metrics({"loss": 1.0}, step=0)
    (run,) = connect(lab.uri).search_runs([number])
    assert run.data.metrics == {"loss": 1.0}


def test_a_parameter_keeps_its_first_value_and_a_long_one_is_truncated(lab):
    lab.journal().log_hyperparams({"threads": 2, "long": "x" * 10_000})
    lab.journal().log_hyperparams({"threads": 4})
    params = lab.run().data.params
    assert params["threads"] == "2"
    assert set(params["long"]) == {"x", "…"}


def test_a_damaged_line_is_named_and_other_journals_are_sent(lab, tmp_path, capsys):
    lab.file.rename(tmp_path / "away.db")
    journal = lab.journal()
    damaged = lab.folder.with_name("1") / "tracking.jsonl"
    damaged.parent.mkdir()
    damaged.write_text("no event\n")
    (tmp_path / "away.db").rename(lab.file)
    assert flush_pending(lab.runs_folder) == [damaged]
    assert len(lab.runs()) == 1
    assert str(damaged) in capsys.readouterr().err
    assert not pending(journal.path)


def test_nothing_is_sent_while_another_process_sends(lab):
    journal = lab.journal()
    with lease(journal.path):
        journal.log_metrics({"loss": 1.0}, step=0)
        assert pending(journal.path)
    assert flush_pending(lab.runs_folder) == []
    assert lab.points("loss") == [(0, 1.0)]


def test_runs_that_were_moved_still_find_their_artifacts(lab, tmp_path):
    lab.file.rename(tmp_path / "away.db")
    stage = lab.runs_folder / "lab" / "a1"
    stage.mkdir(parents=True)
    (stage / "config.yaml").write_text("a: 1")
    lab.journal().log_artifact(stage / "config.yaml")
    (tmp_path / "away.db").rename(lab.file)
    lab.runs_folder.rename(tmp_path / "elsewhere")
    assert flush_pending(tmp_path / "elsewhere") == []
    assert [file.path for file in connect(lab.uri).list_artifacts(lab.run().info.run_id)] == ["config.yaml"]


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_the_rest_of_a_journal_follows_its_database_where_both_were_moved_or_copied(lab, tmp_path, how):
    journal = lab.journal()
    lab.file.rename(tmp_path / "away.db")
    journal.log_metrics({"loss": 1.0}, step=0)
    (tmp_path / "away.db").rename(lab.file)
    new = tmp_path / "new"
    shutil.copytree(lab.runs_folder, new / "runs")
    shutil.copy(lab.file, new / "mlflow.db")
    original = lab.file.read_bytes()
    if how == "moved":
        lab.file.unlink()
    open_tracking(new / "runs", Place(f"sqlite:///{new}/mlflow.db", "lab", str(new / "artifacts")))
    run = connect(f"sqlite:///{new}/mlflow.db").get_run(journal.run_id)
    assert run.data.metrics == {"loss": 1.0}
    assert not lab.file.exists() if how == "moved" else lab.file.read_bytes() == original
