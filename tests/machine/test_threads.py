"""Tests of maps over threads: they keep the order and bound the waiting results."""

import os
import subprocess
import sys
import threading

import pytest

from dermoscopy.machine.threads import WAITING, cores, in_background, in_order, others_run, release_cores


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
@pytest.mark.parametrize("shared", [True, False])
def test_waiting_threads_release_shared_cores_unless_the_user_says_otherwise(monkeypatch, own, shared):
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    if own:
        monkeypatch.setenv(own, "ACTIVE")
    release_cores(shared)
    expected = {own: "ACTIVE"} if own else {"OMP_WAIT_POLICY": "PASSIVE"} if shared else {}
    assert {name: os.environ[name] for name in WAITING if name in os.environ} == expected
    monkeypatch.delenv(WAITING[0], raising=False)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("0.00 0.00 0.00 1/104 77", False),  # this program alone
        ("3.10 2.00 1.00 1/104 77", False),  # another one has just ended
        ("0.00 0.00 0.00 3/104 77", True),
        ("", True),
        ("0.1 0.2", True),
    ],
)
def test_programs_beside_this_one_are_seen_while_they_run(tmp_path, text, others):
    (tmp_path / "loadavg").write_text(text)
    assert others_run(tmp_path / "loadavg", seconds=0) is others


def test_a_system_that_does_not_count_its_programs_may_be_shared(tmp_path):
    assert others_run(tmp_path / "loadavg")


def test_torch_is_not_loaded_before_it_is_decided_how_threads_wait():
    code = "import sys, dermoscopy; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_function_in_the_background_has_ended_when_the_block_has_whatever_happens_there():
    over, ended = threading.Event(), []
    with pytest.raises(KeyError), in_background(lambda: ended.append(over.wait(60)), over):
        assert not ended
        raise KeyError
    assert ended == [True]
