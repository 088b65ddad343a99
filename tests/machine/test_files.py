"""Files are whole or not there; maps over threads keep the order."""

import json
import math
import threading

import pytest

from dermoscopy.machine.files import write_atomically, write_json
from dermoscopy.machine.threads import in_order


def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "new" / "a.txt", "old")

    def fail(self, target):
        raise OSError("disk gone")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(OSError, match="disk gone"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_json_knows_no_nan(tmp_path):
    path = write_json(tmp_path / "a.json", {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": None}})
    assert json.loads(path.read_text()) == {"a": None, "b": [None, 1.5], "c": {"d": None}}


def test_results_come_in_the_order_of_the_items():
    assert list(in_order(lambda x: x * x, range(50), ahead=4, workers=3)) == [x * x for x in range(50)]


def test_no_more_results_wait_than_asked_for():
    begun, lock = [], threading.Lock()

    def note(item):
        with lock:
            begun.append(item)
        return item

    results = in_order(note, range(100), ahead=5, workers=2)
    next(results)
    results.close()
    assert len(begun) <= 7
