"""Files are whole or not there."""

import json
import math

import pytest

from dermoscopy.machine.files import write_atomically, write_json


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
