"""Arguments of classes and functions, checked before anything is built."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest

from dermoscopy.config.arguments import fits, meaning, wrong_arguments


class Rule(Protocol):
    def __call__(self, value: float) -> float: ...


class Part:
    def __init__(self, count: int, rate: float = 0.1, names: Sequence[str] = (), inner: Rule | None = None) -> None: ...


def anything(**keys: object) -> None: ...


PART = {"_target_": f"{__name__}.Part", "count": 1}


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (int, [0, -3], [True, "1", 1.5, None]),
        (float, [1, 0.5, float("inf")], [True, "1", [1]]),
        (bool, [True], [0, "yes", None]),
        (str, ["", "1"], [1, None, ["a"]]),
        (str | Path | None, ["a/b", None], [3, False]),
        (Literal["min", "max"], ["min"], ["least", 0]),
        (Sequence[float], [[], [1, 2.5]], [1, "12", ["a"], None]),
        (tuple[int, int], [[1, 2]], [[1], [1, 2, 3], 1]),
        (Mapping[str, float], [{}, {"a": 1}], [[], {"a": "b"}, "a"]),
        (Callable[[int], int] | None, [None], ["foo", 1, []]),
        (Rule | None, [None], ["foo", 1, {}]),
        (Any, [1, "a", None, []], []),
    ],
)
def test_a_value_fits_a_type_as_written_in_yaml(hint, good, bad):
    assert [value for value in good if not fits(value, hint)] == []
    assert [value for value in bad if fits(value, hint)] == []
    assert meaning(hint)


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"count": "two"}, "part.count", "a whole number"),
        ({"count": None}, "part.count", "null"),
        ({"rate": "auto"}, "part.rate", "a number"),
        ({"names": "lesion"}, "part.names", "list"),
        ({"inner": "foo"}, "part.inner", "_target_"),
        ({"raet": 1}, "part.raet", "rate"),
        ({"inner": {**PART, "count": 0.5}}, "part.inner.count", "0.5"),
        ({"names": [{**PART, "count": []}]}, "part.names[0].count", "[]"),
    ],
)
def test_a_wrong_argument_has_its_path_and_what_it_must_be(changes, path, words):
    ((found, problem),) = wrong_arguments({"part": {**PART, **changes}})
    assert found == path and words in problem


def test_right_arguments_objects_and_free_keys_are_accepted():
    inner = {"_target_": f"{__name__}.anything", "whatever": "x"}
    assert not list(wrong_arguments({**PART, "rate": 1, "names": ["a"], "inner": inner, "_partial_": True}))
