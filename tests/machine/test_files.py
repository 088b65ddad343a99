"""Tests of atomic writes: files are complete or absent."""

import json
import math

import pytest

from dermoscopy.machine.files import file_name, write_atomically, write_json


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "new" / "a.txt", "old")

    def fail(self, target):
        raise OSError("disk gone")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(OSError, match="disk gone"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_nan_and_infinity_become_null_in_json(tmp_path):
    path = write_json(tmp_path / "a.json", {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": None}})
    assert json.loads(path.read_text()) == {"a": None, "b": [None, 1.5], "c": {"d": None}}


def test_texts_of_any_characters_have_file_names_of_their_own(tmp_path):
    assert file_name("zeroing=cells_80, loss=bce+0.1") == "zeroing=cells_80__loss=bce+0.1"
    texts = ("a/b", "a:b", "a\\b", "a*b", "../a", "\0", "é" * 200, "é" * 199 + "e", "caf\udce9", "[a,b]", "'x'")
    names = [file_name(text) for text in texts]
    for name in names:
        (tmp_path / f"panels-{name}.png").touch()
    assert len(list(tmp_path.iterdir())) == len(texts)
