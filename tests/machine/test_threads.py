"""Tests of maps over threads: they keep the order and bound the waiting results."""

import os
import subprocess
import sys
import threading

import pytest

from dermoscopy.machine.threads import WAITING, cores, in_order, release_cores


def test_a_process_has_at_least_one_core():
    assert cores() >= 1


def test_a_container_may_use_fewer_cores_than_its_machine_has(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert cores(tmp_path) == 8
    for limit, allowed in (("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("6400000 100000", 8)):
        (tmp_path / "cpu.max").write_text(f"{limit}\n")
        assert cores(tmp_path) == allowed


def test_results_have_the_order_of_the_items():
    assert list(in_order(lambda x: x * x, range(50), ahead=4, workers=3)) == [x * x for x in range(50)]


def test_no_more_results_wait_than_requested():
    begun, lock = [], threading.Lock()

    def note(item):
        with lock:
            begun.append(item)
        return item

    results = in_order(note, range(100), ahead=5, workers=2)
    next(results)
    results.close()
    assert len(begun) <= 7


@pytest.mark.parametrize("own", [None, *WAITING])
def test_waiting_threads_release_their_core_unless_the_user_says_otherwise(monkeypatch, own):
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    if own:
        monkeypatch.setenv(own, "ACTIVE")
    release_cores()
    assert {name: os.environ[name] for name in WAITING if name in os.environ} == (
        {own: "ACTIVE"} if own else {"OMP_WAIT_POLICY": "PASSIVE"}
    )


def test_each_program_sets_how_threads_wait_before_torch_is_loaded():
    code = (
        "import dermoscopy.config.help, os, sys; print(any(name in os.environ for name in {}), 'torch' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in WAITING}
    command = [sys.executable, "-c", code.format(WAITING)]
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stdout == "True False\n"
