"""Tests of leases: one holder at a time, and no lease outlives its holder."""

import multiprocessing
import os
import signal
import time

import pytest

from dermoscopy.machine.leases import LEASE, held, lease, lock_file


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
    long_ago = time.time() - 2 * LEASE
    os.utime(path, (long_ago, long_ago))
    assert not held(tmp_path / "stage")
