"""Objects built from parts of the configuration; errors name the key to change."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from dermoscopy.machine.messages import nearest

HYDRA_KEYS = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")
Settings = Mapping[str, Any]  # a part of the configuration as plain Python values

FULL_KEY = re.compile(r"^full_key: (\S+)$", re.MULTILINE)  # the last line of Hydra's message
REFERENCE = re.compile(r"\$\{(\w+)\}")  # a reference to another part, such as ${network}
ARGUMENT = re.compile(r"(?<![\w./=-])[a-z_]\w*(?==)")  # with a value, such as p=1
HYDRA_INDEX = re.compile(r"\b(callbacks)(\d+)$")  # callbacks[1], as Hydra writes it
VALUES = re.compile(r"\$\{oc\.dict\.values:(\w+)\}")  # a reference to the list of the values of a part


def build(part: DictConfig, **arguments: Any) -> Any:
    """Return the object that a part of the configuration describes.

    Args:
        part: with a `_target_`, not detached from its configuration.
        arguments: replacements of those of the part; `_partial_=True` gives a partial.

    Raises:
        ValueError, FileNotFoundError: the constructor's error, with the key that a user sets.
    """
    check_arguments(part)
    try:
        return instantiate(part, **arguments)
    except InstantiationException as error:
        cause, key = error.__cause__, FULL_KEY.search(str(error))
        if key is None or not isinstance(cause, ValueError | FileNotFoundError) or len(cause.args) != 1:
            raise  # other errors, such as a full disk, need no key, or are bugs
        kind = FileNotFoundError if isinstance(cause, FileNotFoundError) else ValueError
        raise kind(with_key(str(cause), part, key[1])) from cause


def check_arguments(part: DictConfig) -> None:
    """Refuse arguments that a class does not take, in a part of the configuration and in the parts of it.

    Raises:
        ValueError: an argument is unknown; the message has its key and the nearest ones.
    """
    for path, settings in _targets(plain(part), str(part._get_full_key(None))):
        known = _arguments(get_object(settings["_target_"]))
        unknown = [name for name in settings if known is not None and name not in (*known, *HYDRA_KEYS)]
        if unknown and known:
            key, target = typed_key(part._get_root(), path)[0], settings["_target_"].rpartition(".")[2]
            raise ValueError(f"{key}.{unknown[0]} is no argument of {target}{nearest(unknown[0], known)}")


def _arguments(target: Any) -> set[str] | None:
    """Return the names of the arguments of a function or class, those of bases that it hands on included; None: any."""
    names: set[str] = set()
    for function in (
        [vars(c)["__init__"] for c in target.__mro__ if "__init__" in vars(c)] if inspect.isclass(target) else [target]
    ):
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # of C code
            return None
        names |= {parameter.name for parameter in parameters}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return names
    return None


def _targets(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the parts with a `_target_` in a part of the configuration, each with its path."""
    if isinstance(value, dict) and isinstance(value.get("_target_"), str):
        yield path, value
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in entries:
        yield from _targets(entry, f"{path}.{name}")


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
    for name in re.findall(r"\w+", path):  # indices of lists are names as well
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
