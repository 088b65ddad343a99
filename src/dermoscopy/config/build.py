"""From a part of the configuration to the object that it describes; errors name the key that is to be changed."""

import re
from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

Settings = Mapping[str, Any]  # a part of the configuration in values of Python's own

FULL_KEY = re.compile(r"^full_key: (\S+)$", re.MULTILINE)  # the last line of Hydra's own message
REFERENCE = re.compile(r"\$\{(\w+)\}")  # a part that stands elsewhere, such as ${network}
HYDRA_INDEX = re.compile(r"\b(callbacks)(\d+)$")  # callbacks[1], as Hydra writes it
VALUES = re.compile(r"\$\{oc\.dict\.values:(\w+)\}")  # the list of the values of such a part


def build(part: DictConfig, **arguments: Any) -> Any:
    """Return the object that a part of the configuration describes.

    Args:
        part: with a `_target_`, still inside its configuration.
        arguments: replace those of the part; `_partial_=True` gives a partial.

    Raises:
        ValueError, FileNotFoundError: what the constructor refused, with the key that a user sets for it.
    """
    try:
        return instantiate(part, **arguments)
    except InstantiationException as error:
        cause, key = error.__cause__, FULL_KEY.search(str(error))
        if key is None or not isinstance(cause, ValueError | FileNotFoundError) or len(cause.args) != 1:
            raise  # a full disk says itself what it is, and anything else is a bug
        kind = FileNotFoundError if isinstance(cause, FileNotFoundError) else ValueError
        raise kind(with_key(str(cause), part, key[1])) from cause


def with_key(message: str, part: DictConfig, path: str) -> str:
    """Return what a constructor said with the key of the argument that it named, as a user types it.

    Args:
        message: such as "p must lie in [0, 1], got 2".
        part: of the configuration, what was being built.
        path: of what refused, below the root of the configuration, such as "model.zeroing".

    Returns:
        Such as "zeroing.p must lie in [0, 1], got 2".
    """
    key, node = typed_key(part._get_root(), path)
    argument = re.match(r"\w+", message)
    if argument and argument[0] in node and message[argument.end() : argument.end() + 1] != ".":
        return f"{key}.{message}"
    return message


def typed_key(root: Any, path: str) -> tuple[str, Any]:
    """Return the key under which a user sets what stands at a path, and the part that stands there.

    A part that is only referred to, as model.zeroing is ${zeroing}, is set where it stands.
    """
    path = HYDRA_INDEX.sub(r"\1.\2", path)
    names: list[str] = []
    node = root
    for name in re.findall(r"\w+", path):  # an index of a list is a name as well
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
    """Return how a value stands in the configuration, before what it refers to is put in its place."""
    raw = None if name.isdigit() else node._get_node(name)
    return str(raw._value()) if raw is not None and raw._is_interpolation() else ""


def plain(part: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Return a part of the configuration as mappings, lists and values of Python's own.

    Args:
        part: of the configuration.
        resolve: whether what it refers to is put in its place.
    """
    container = OmegaConf.to_container(part, resolve=resolve)
    assert isinstance(container, dict)
    return {str(name): value for name, value in container.items()}
