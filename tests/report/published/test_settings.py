"""Settings are taken apart into what they share and what differs, and put together again."""

import pytest

from dermoscopy.report.published.settings import changed, changes

BASE = {"a": 1, "b": {"c": [1, 2], "d": None, "e": {"f": "x"}}, "g": {}}


@pytest.mark.parametrize(
    "settings",
    [
        BASE,
        {},
        {"a": 1.0, "b": {"c": [1, 2], "d": None, "e": {"f": "x"}}, "g": {}},
        {"a": True, "b": {"c": [2], "e": {"f": "y", "set": 1, "in": {}, "removed": []}}, "new": {"a": {"b": 1}}},
        {"b": None, "g": {"a": 1}},
        {"set": 1, "in": {"removed": 2}, "removed": ["a"]},
        None,
    ],
)
def test_settings_are_the_same_again(settings: dict | None) -> None:
    again = changed(BASE, changes(BASE, settings))
    assert repr(None if again is None else dict(sorted(again.items()))) == repr(
        None if settings is None else dict(sorted(settings.items()))
    )


def test_only_what_differs_is_kept() -> None:
    assert changes(BASE, BASE) == {}
    assert changes(BASE, BASE | {"a": 2, "b": {"c": [1, 2], "e": {"f": "x"}}}) == {
        "set": {"a": 2},
        "in": {"b": {"removed": ["d"]}},
    }
