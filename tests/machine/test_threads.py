"""Tests of maps over threads: they keep the order and bound the waiting results."""

import threading

from dermoscopy.machine.threads import cores, in_order


def test_a_process_has_at_least_one_core():
    assert cores() >= 1


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
