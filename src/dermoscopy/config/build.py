"""Objects built from parts of the configuration; errors name the key to change."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from dermoscopy.config.arguments import meaning, wrong_arguments
from dermoscopy.config.trust import refused, trusted
from dermoscopy.machine.messages import typed

Settings = Mapping[str, Any]  # a part of the configuration as plain Python values

FULL_KEY = re.compile(r"^full_key: (\S+)$", re.MULTILINE)  # the last line of Hydra's message
REFERENCE = re.compile(r"\$\{(\w[\w.]*)\}")  # a reference to another part or value, such as ${data.labels}
ARGUMENT = re.compile(r"(?<![\w./=-])[a-z_]\w*(?==)")  # with a value, such as p=1
HYDRA_INDEX = re.compile(r"\b(callbacks)(\d+)$")  # callbacks[1], as Hydra writes it
VALUES = re.compile(r"\$\{oc\.dict\.values:(\w+)\}")  # a reference to the list of the values of a part


def build(part: DictConfig, **arguments: Any) -> Any:
    """Return the object that a part of the configuration describes, if all code that it names is trusted.

    Args:
        part: with a `_target_`, not detached from its configuration, whose key `trust` counts.
        arguments: replacements of those of the part; `_partial_=True` gives a partial.

    Raises:
        ValueError: a `_target_` is not trusted, or does not exist.
        ValueError, FileNotFoundError: the constructor's error, with the key that a user sets.
    """
    check_part(part)
    try:
        return instantiate(part, **arguments)
    except (InstantiationException, ValueError, FileNotFoundError) as error:
        # Hydra 1.3 wraps the constructor's error; 1.4 adds a note to it
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        key = FULL_KEY.search("\n".join([str(error), *getattr(error, "__notes__", ())]))
        if key is None or not isinstance(cause, ValueError | FileNotFoundError) or len(cause.args) != 1:
            raise  # other errors, such as a full disk, need no key, or are bugs
        kind = FileNotFoundError if isinstance(cause, FileNotFoundError) else ValueError
        raise kind(with_key(str(cause), part, key[1])) from cause


def check_part(part: DictConfig) -> None:
    """Refuse a part of the configuration whose code is not trusted, or cannot take an argument.

    No code is imported before all of it is trusted.

    Raises:
        ValueError: a `_target_` is refused, and the message says what to add to trust it; or an argument is unknown or
            of another type, and the message has its key.
    """
    root, path, settings = part._get_root(), part._get_full_key(None), plain(part)
    trust = trusted(root)
    if all_refused := refused(settings, trust):
        first = all_refused[0]
        key, _ = typed_key(root, f"{path}{first.path}")
        names = ",".join(dict.fromkeys([*trust, *(each.trust for each in all_refused)]))
        raise ValueError(f"{key}._target_={first.target} {first.reason}: if you trust that code, add trust=[{names}]")
    for wrong, problem in wrong_arguments(settings, path):
        key, value = typed_key(root, wrong)
        raise ValueError(f"{key} {problem}{_as_names(key, value, problem)}")


def _as_names(key: str, value: Any, problem: str) -> str:
    """Return how to type names where a list of texts is one text, or holds numbers or true and false."""
    names = list(value) if isinstance(value, ListConfig) else [value]
    if not problem.startswith(f"must be {meaning(Sequence[str])},") or not all(isinstance(n, str | int) for n in names):
        return ""
    return f": type {typed(key, [str(n).lower() if isinstance(n, bool) else n for n in names])}"


def with_key(message: str, part: DictConfig, path: str) -> str:
    """Return the message of a constructor with the key of its argument, as a user types it.

    Args:
        message: such as "p must lie in [0, 1], got 2".
        part: part of the configuration that was being built.
        path: path of the refused part from the root of the configuration, such as "model.zeroing".

    Returns:
        A message such as "zeroing.p must lie in [0, 1], got 2"; an argument to set, p=1, becomes zeroing.p=1.
    """
    key, node = typed_key(part._get_root(), path)
    message = ARGUMENT.sub(lambda found: _spelled(part, path, node, found[0]), message)
    argument = re.match(r"\w+", message)
    if argument and argument[0] in node and message[argument.end() : argument.end() + 1] != ".":
        return f"{key}.{message}"
    return message


def _spelled(part: DictConfig, path: str, node: Any, name: str) -> str:
    """Return the key of an argument in a message, or the name as it is where the part has no such argument."""
    return typed_key(part._get_root(), f"{path}.{name}")[0] if name in node else name


def typed_key(root: Any, path: str) -> tuple[str, Any]:
    """Return the key with which a user sets the part at a path, and that part.

    The key follows references: as model.zeroing is ${zeroing}, its key is zeroing.
    """
    path = HYDRA_INDEX.sub(r"\1.\2", path)
    names: list[str] = []
    node = root
    for name in re.findall(r"[^.\[\]]+", path):  # indices of lists are names as well
        text = _text(node, name)
        if values := VALUES.fullmatch(text):
            names, node = [values[1]], root[values[1]]
            continue
        step = list(node)[int(name)] if name.isdigit() and isinstance(node, DictConfig) else name
        reference = REFERENCE.fullmatch(text)
        names = [reference[1]] if reference else [*names, str(step)]
        node = node[int(step) if str(step).isdigit() else step]
    return ".".join(names), node


def _text(node: Any, name: str) -> str:
    """Return the reference that stands for a value in the configuration, "" where it is no reference."""
    raw = None if name.isdigit() else node._get_node(name)
    return str(raw._value()) if raw is not None and raw._is_interpolation() else ""


def plain(part: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Return a part of the configuration as plain Python mappings, lists and values.

    Args:
        part: of the configuration.
        resolve: whether references are replaced by their values.
    """
    container = OmegaConf.to_container(part, resolve=resolve)
    assert isinstance(container, dict)
    return {str(name): value for name, value in container.items()}
