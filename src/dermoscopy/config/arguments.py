"""Arguments of classes and functions, checked against their signatures before anything is built.

A value of another type would otherwise fail far from its key, in the middle of a training, or act in an unexpected way.
"""

import inspect
import json
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra.utils import get_object
from pydantic import ConfigDict, TypeAdapter, ValidationError

from dermoscopy.machine.messages import nearest

HYDRA = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")  # keys that are no arguments
NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}
NAMES |= {type(None): "null"}


def wrong_arguments(settings: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Return the arguments in a part of the configuration, and in its parts, that their constructors cannot take.

    Args:
        settings: of the part as plain Python values; what has a `_target_` is built.
        path: of the part.

    Returns:
        For each of them its path, and what it must be.
    """
    if isinstance(settings, Mapping):
        if "_target_" in settings:
            yield from _wrong(settings, path)
        entries = [(f"{path}.{name}" if path else str(name), value) for name, value in settings.items()]
    elif isinstance(settings, Sequence) and not isinstance(settings, str):
        entries = [(f"{path}[{index}]", value) for index, value in enumerate(settings)]
    else:
        return
    for name, value in entries:
        yield from wrong_arguments(value, name)


def _wrong(settings: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Return the wrong arguments of one class or function."""
    target = get_object(settings["_target_"])
    known, hints = _names(target), _hints(target)
    for name, value in settings.items():
        if name in HYDRA or _holds_object(value):
            continue
        where = f"{path}.{name}" if path else name
        if known is not None and name not in known:
            yield where, f"is no argument of {settings['_target_'].rpartition('.')[2]}{nearest(name, known)}"
        elif name in hints and not fits(value, hints[name]):
            yield where, f"must be {meaning(hints[name])}, got {_shown(value)}"


def _holds_object(value: Any) -> bool:
    """Return whether a value is, or contains, an object that Hydra builds."""
    if isinstance(value, Mapping):
        return "_target_" in value or any(map(_holds_object, value.values()))
    return isinstance(value, list) and any(map(_holds_object, value))


@cache
def _names(target: Callable[..., Any]) -> Collection[str] | None:
    """Return the names of the arguments of a class or function, with those that it hands to its bases; None: any."""
    functions = (
        [vars(c)["__init__"] for c in target.__mro__ if "__init__" in vars(c)] if inspect.isclass(target) else []
    )
    names: set[str] = set()
    for function in functions or [target]:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # written in C
            return None
        names |= {parameter.name for parameter in parameters}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return names
    return None


@cache
def _hints(target: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the types of the arguments of a class or function; none where a library names types that are not there."""
    try:
        return get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError, AttributeError):
        return {}


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value of a configuration is of a type; a list may stand for a tuple, and a text for a path."""
    try:
        _adapter(hint).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return False
    return True


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_of_values(hint), config=ConfigDict(arbitrary_types_allowed=True))


class _Part:
    """Stands for every type of objects, which no plain value has."""


def _of_values(hint: Any) -> Any:
    """Return a type in which `_Part` replaces all types that no value of a configuration has."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(map(_of_values, parts))]  # noqa: UP007  (of a tuple)
    if origin is Literal or hint is Any or hint is ... or hint in NAMES:
        return hint
    if inspect.isclass(origin) and issubclass(origin, Collection):
        return origin[tuple(map(_of_values, parts))]  # type: ignore[index]
    return hint if inspect.isclass(hint) and issubclass(hint, Collection) else _Part


def meaning(hint: Any) -> str:
    """Return what a type asks for, in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint in NAMES:
        return NAMES[hint]
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(meaning, parts)))
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return f"a mapping, each entry {NAMES[parts[1]]}" if parts[1:] and parts[1] in NAMES else "a mapping"
    if inspect.isclass(origin) and issubclass(origin, Collection):
        texts = [meaning(part) for part in parts if part is not ...]
        return "a list" if not texts else f"a list, each entry {texts[0]}"
    return "a part with a _target_"


def _shown(value: Any) -> str:
    return "null" if value is None else json.dumps(value, ensure_ascii=False)
