"""Tests of leases: one holder at a time, and no lease outlives its holder."""

import multiprocessing
import os
import re
import signal
import time

import pytest

from dermoscopy.machine import leases
from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.leases import LEASE, LeaseLost, held, lease, lock_file


def hold(folder, ready):
    with lease(folder):
        ready.set()
        time.sleep(60)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder `stage`."""
    context = multiprocessing.get_context("forkserver")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "stage", ready))
    process.start()
    assert ready.wait(60)
    yield process
    process.kill()
    process.join()


def test_a_folder_is_held_while_the_block_runs_and_free_after_it(tmp_path):
    with lease(tmp_path / "stage"):
        assert held(tmp_path / "stage")
        assert not held(tmp_path / "other")
    assert not held(tmp_path / "stage")
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_block_frees_the_folder(tmp_path):
    with pytest.raises(RuntimeError), lease(tmp_path / "stage"):
        raise RuntimeError
    assert not held(tmp_path / "stage")


def test_a_second_process_is_notified_and_may_refuse_to_wait(tmp_path, holder):
    def refuse():
        raise ValueError("is running already")

    with pytest.raises(ValueError, match="is running already"), lease(tmp_path / "stage", refuse):
        raise AssertionError("two hold it")
    assert held(tmp_path / "stage")


def test_a_killed_holder_is_replaced_at_once(tmp_path, holder):
    assert held(tmp_path / "stage")
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert not held(tmp_path / "stage")
    waited = []
    with lease(tmp_path / "stage", lambda: waited.append(True)):
        assert held(tmp_path / "stage")
    assert len(waited) <= 1


def test_a_holder_on_another_machine_counts_as_dead_without_a_recent_heartbeat(tmp_path):
    path = lock_file(tmp_path / "stage")
    path.write_text("content of another machine")
    assert held(tmp_path / "stage")
    for moment in (time.time() - 2 * LEASE, time.time() + 3600):  # long ago, or before a clock was set back
        os.utime(path, (moment, moment))
        assert not held(tmp_path / "stage")


def test_a_dead_holder_in_this_container_is_recognised_by_the_name_in_its_lock(tmp_path, monkeypatch):
    with lease(tmp_path / "stage"):
        record = lock_file(tmp_path / "stage").read_text()
    host = re.search("host=(.*)", record)[1]
    gone = re.sub("pid=.*", "pid=2147483647", record).replace(f"host={host}", f"host={host}?pidns-f0000001")
    lock_file(tmp_path / "stage").write_text(gone)
    assert held(tmp_path / "stage")  # of another container: only its heartbeat tells
    monkeypatch.setattr(leases, "_host", lambda: f"{host}?pidns-f0000001")
    assert not held(tmp_path / "stage")


def test_a_holder_that_lost_its_folder_replaces_no_file_in_it(tmp_path):
    stage = tmp_path / "stage"
    with lease(stage):
        write_atomically(stage / "a.txt", "first")
        record = lock_file(stage).read_text()
        lock_file(stage).write_text(re.sub("token=.*", "token=ab", record))
        with pytest.raises(LeaseLost, match=f"{stage} was taken over by process {os.getpid()}"):
            write_atomically(stage / "a.txt", "second")
        lock_file(stage).unlink()
        with pytest.raises(LeaseLost, match=f"{stage} was removed"):
            write_atomically(stage / "below" / "b.txt", "second")
        write_atomically(tmp_path / "other.txt", "not in the folder")
    assert (stage / "a.txt").read_text() == "first"
    assert [path.name for path in stage.iterdir()] == ["a.txt"]
    write_atomically(stage / "a.txt", "third")  # held by nobody


def write_after_a_pause(folder, ready, go_on, result):
    leases.LEASE = 0.3
    try:
        with lease(folder):
            ready.set()
            go_on.wait(60)
            write_atomically(folder / "a.txt", "of the one that was suspended")
            result.put("has written")
    except (LeaseLost, KeyboardInterrupt) as error:
        result.put(type(error).__name__)


def test_a_holder_that_was_suspended_for_longer_than_its_lease_does_not_write(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", 0.3)
    context, stage = multiprocessing.get_context("forkserver"), tmp_path / "stage"
    ready, go_on, result = context.Event(), context.Event(), context.Queue()
    process = context.Process(target=write_after_a_pause, args=(stage, ready, go_on, result))
    process.start()
    assert ready.wait(60)
    os.kill(process.pid, signal.SIGSTOP)
    with lease(stage):
        write_atomically(stage / "a.txt", "of the one that took over")
        os.kill(process.pid, signal.SIGCONT)  # before the event, which waits for those who wait for it
        go_on.set()
        assert result.get(timeout=60) in ("LeaseLost", "KeyboardInterrupt")
    process.join()
    assert (stage / "a.txt").read_text() == "of the one that took over"
