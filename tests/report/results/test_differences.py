"""Configuration differences between arms: every key with more than one value, and no other."""

from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.results.differences import arm_differences, differences, flatten, without_folders
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]


def test_flatten_keeps_booleans_none_empty_and_nested_lists() -> None:
    config = {"a": {"b": True, "c": None, "d": {}}, "e": [1, [2, 3]], "f": [{"g": False}, 4], "h": []}
    flat = {"a.b": True, "a.c": None, "a.d": "{}", "e": "[1, [2, 3]]", "f.0.g": False, "f.1": 4, "h": "[]"}
    assert flatten(config) == flat


def test_differences_keep_a_key_if_and_only_if_it_has_more_than_one_value() -> None:
    configs = {
        "x": {"freeze": True, "same": [1, [2]], "none": None, "only_x": 0, "type": 1},
        "y": {"freeze": False, "same": [1, [2]], "none": 0, "type": True},
    }
    table = differences(configs)
    assert table.columns.tolist() == ["freeze", "none", "only_x", "type"]
    assert table.loc["y", "only_x"] == ""
    assert differences({"x": configs["x"]}).columns.empty
    assert differences({}).empty


def test_configurations_of_arms_differ_in_what_was_swept_and_not_in_the_seed(make_runs: MakeRuns) -> None:
    table = arm_differences(load_sweep(make_runs()))
    assert table.columns.tolist() == ["zeroing.name", "zeroing.p", "zeroing.per_channel"]


def test_absolute_paths_lose_the_folders_of_a_machine() -> None:
    paths = {"a": ["/home/me/x/masks.h5", "b/c.h5", None, 1], "d": {"e": "/x"}, "text": "a/b and /c"}
    expected = {"a": ["x/masks.h5", "b/c.h5", None, 1], "d": {"e": "x"}, "text": "a/b and /c"}
    assert without_folders(paths) == expected
