"""Processes that end with the one that started them."""

import os
import signal
import threading

import pytest

from dermoscopy.machine import parents
from dermoscopy.machine.parents import TERMINATED, end_with_parent, ended_by_sigterm


def test_a_process_ends_soon_after_its_parent(monkeypatch):
    living, codes = [True], []
    monkeypatch.setattr(parents.os, "getppid", lambda: 7 if living else 1)
    watch = end_with_parent.__wrapped__(0.001, codes.append)
    watch.join(0.05)
    assert watch.is_alive() and codes == []
    living.clear()
    watch.join(20)
    assert codes == [1]


def test_sigterm_ends_the_block_and_is_handled_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, ended_by_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(20)
    assert ended.value.code == TERMINATED == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_than_the_main_one_handles_no_signal():
    def run():
        with ended_by_sigterm():
            handlers.append(signal.getsignal(signal.SIGTERM))

    handlers = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]
