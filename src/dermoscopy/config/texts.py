"""Keys whose values are texts: paths and names are taken as typed, and ~ is the home folder."""

import re
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, Sweep
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from dermoscopy.networks.published import is_file_name

PATH = re.compile(
    r"runs|experiments|weights|from|out|images|run|segmenter|store|data\.(raw|store|source\.(csv|root))|split\.file"
    r"|tracking\.(uri|artifacts)|datamodule\.(store|predicted)|network(\.\w+)*\.checkpoint"
)
# true, false, the name of weights, or a file of them
PRETRAINED = re.compile(r"(network(\.\w+)*|protocol)\.pretrained")
NAME = re.compile(r"name|experiment|reference|metric|data\.name|data\.source\.(images|masks\.\w+)")
HOME = re.compile(r"(?:(?<=^)|(?<=^sqlite:///)|(?<=^file://))~[^/\\]*")
PARTS = re.compile(r"(?:'[^']*'|\"[^\"]*\"|[^,])+")  # of a list without brackets
QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)


def is_text(key: str) -> bool:
    """Return whether the value of a key is a path or a name, which needs no quotes on the command line."""
    return bool(PATH.fullmatch(key) or NAME.fullmatch(key))


def names_weights(key: str, value: str) -> bool:
    """Return whether a value of `pretrained`, or one of several, is a path, which needs no quotes when typed."""
    return bool(PRETRAINED.fullmatch(key)) and any(is_file_name(part.strip(" '\"")) for part in PARTS.findall(value))


def expand_home(key: str, value: str) -> str:
    """Return a value with ~ or ~USER at its beginning replaced by the home folder, where its key names a path.

    Raises:
        ValueError: there is no such user.
    """
    if not (PATH.fullmatch(key) or PRETRAINED.fullmatch(key)):
        return value
    if value.startswith("[") and value.endswith("]"):  # several runs
        return f"[{','.join(expand_home(key, part.strip()) for part in value[1:-1].split(','))}]"
    home = HOME.search(value)
    if home is None:
        return value
    try:
        folder = str(Path(home[0]).expanduser())
    except RuntimeError as error:
        raise ValueError(
            f"{key}={value}: there is no user {home[0][1:]}; a folder of that name is ./{value}"
        ) from error
    return value[: home.start()] + folder + value[home.end() :]


def expand_homes(cfg: DictConfig) -> None:
    """Replace ~ by the home folder in every path of a configuration, and numbers that are names by their text.

    Raises:
        ValueError: there is no such user.
    """
    _expand(cfg, "")


def _expand(node: DictConfig, prefix: str) -> None:
    for name in node:
        key, child = f"{prefix}{name!s}", node._get_node(name)
        if isinstance(child, DictConfig) and not (child._is_none() or child._is_missing() or child._is_interpolation()):
            if key != "hydra":
                _expand(child, f"{key}.")
        elif child is not None and not isinstance(child, ListConfig | DictConfig):
            value = child._value()
            kinds = str | int | float if is_text(key) else str
            if isinstance(value, kinds) and not (child._is_interpolation() or child._is_missing()):
                text = expand_home(key, str(value))
                if text != value:
                    OmegaConf.update(node, str(name), text)


def as_text(key: str, value: str, sweeps: bool) -> str:
    """Return the value of a path or name in the grammar of Hydra, quoted where it needs to be.

    Args:
        key: of the value.
        value: as typed.
        sweeps: whether a value with commas is a list of values to sweep over.

    Raises:
        ValueError: it is empty, or names a user that does not exist.
    """
    value = value.strip()
    if not value or value in ("''", '""'):
        raise ValueError(f"{key}= is empty: give a value, such as {key}={'NAME' if NAME.fullmatch(key) else 'PATH'}")
    if sweeps and _is_function(value):
        return value
    if sweeps and len(parts := PARTS.findall(value)) > 1 and not value.startswith("["):
        return ",".join(as_text(key, part, sweeps=False) for part in parts)
    if value == "null" or (PRETRAINED.fullmatch(key) and not names_weights(key, value)):  # a flag, or a name
        return value
    quoted = parse(f"key={value}") if QUOTED.fullmatch(value) else None
    text = expand_home(key, quoted._value.text if quoted and isinstance(quoted._value, QuotedString) else value)
    parsed = parse(f"key={text}")
    return text if parsed is not None and parsed._value == text else _quoted(text)


def names_of(value: str) -> list[str]:
    """Return the names in a value of the command line, NAME or [NAME,NAME]."""
    if not (value.startswith("[") and value.endswith("]")):
        return [value]
    return [name.strip(" '\"") for name in value[1:-1].split(",") if name.strip()]


def _is_function(value: str) -> bool:
    """Return whether a value is a sweep by a function of Hydra, such as choice(a,b)."""
    parsed = parse(f"key={value}")
    return parsed is not None and isinstance(sweep := parsed._value, Sweep) and not getattr(sweep, "simple_form", False)


def parse(argument: str) -> Override | None:
    """Return an argument as Hydra reads it, None where it cannot."""
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def _quoted(text: str) -> str:
    return QuotedString(text, Quote.single).with_quotes()
