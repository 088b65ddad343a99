"""Settings of many jobs in little space: those of the first job, and what differs in the others."""

from collections.abc import Mapping

REMOVED = "removed"
Settings = Mapping[str, object]


def changes(base: Settings, settings: Settings | None) -> dict[str, object] | None:
    """Return what turns one nested mapping into another: changed entries by name, and a list of those removed.

    None stands for no settings. Keys are compared as JSON has them, as text.
    """
    if settings is None:
        return None
    set_: dict[str, object] = {}
    inner: dict[str, object] = {}
    for key, value in settings.items():
        old = base.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if below := changes(old, value):
                inner[key] = below
        elif key not in base or repr(value) != repr(old):
            set_[key] = value
    gone = [key for key in base if key not in settings]
    parts = {"set": set_, "in": inner, REMOVED: gone}
    return {name: part for name, part in parts.items() if part}


def changed(base: Settings, difference: Mapping[str, object] | None) -> dict[str, object] | None:
    """Return what `changes` has taken apart."""
    if difference is None:
        return None
    set_, inner, gone = (difference.get(name, {}) for name in ("set", "in", REMOVED))
    assert isinstance(set_, Mapping) and isinstance(inner, Mapping)
    result: dict[str, object] = {}
    for key, value in base.items():
        if key not in gone:  # type: ignore[operator]
            result[key] = changed(value, inner[key]) if key in inner else set_.get(key, value)  # type: ignore[arg-type]
    return result | {key: value for key, value in set_.items() if key not in result}
