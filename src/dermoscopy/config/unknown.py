"""Keys that nothing reads: unknown ones are refused with the nearest names."""

import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from dermoscopy.config.choices import GLOBAL, groups
from dermoscopy.config.texts import parse
from dermoscopy.machine.messages import did_you_mean, nearest

TARGET = "_target_"
# Their entries have names of the user's, and own checks.
FREE = ("hydra", "about", "callbacks", "epochs", "stages", "tracking.tags")
OVERRIDE = re.compile(r"Could not override '([^']+)'")  # Hydra's message on a key that does not exist
ABSENT_GROUP = re.compile(r"Could not override '([^']+)'\.\s*No match in the defaults list")
PRESENT = re.compile(r"Could not append to config\. An item is already at '([^']+)'")
REFERENCE = re.compile(r"\$\{(?:[\w.]+:)*\s*(\.*)([A-Za-z_][\w.]*)")


def check_known(cfg: DictConfig, conf: Path, program: str, axes: Collection[str] = ()) -> None:
    """Refuse keys that neither the program nor another key reads.

    Below a part with a `_target_`, its class decides.

    Args:
        cfg: the configuration, with unresolved references.
        conf: folder of the configuration files.
        program: name of its configuration, such as train.
        axes: keys that are swept over, groups included.

    Raises:
        ValueError: a key is unknown; the message has the nearest ones.
    """
    cfg = _with_axes(cfg, conf, axes)
    known, read = _known(conf, program), set(references(cfg))
    unknown = [key for key in _keys(cfg) if key not in known and not is_read(key, read)]
    names = [key for key in dotted(cfg) if not f"{key}.".startswith(tuple(f"{name}." for name in unknown))]
    if unknown:
        near = _meaning(unknown[0]) or nearest_keys(unknown[0], names)
        raise ValueError(f"{unknown[0]} is no key that {program}.py reads{near}")
    for name, callback in cfg.get("callbacks", {}).items():
        if callback is not None and not (isinstance(callback, DictConfig) and TARGET in callback):
            raise ValueError(f"callbacks.{name} has no {TARGET}, the name of its class: add it, or leave it out")


def _with_axes(cfg: DictConfig, conf: Path, axes: Collection[str]) -> DictConfig:
    """Return a copy of the configuration with the keys that a sweep adds; keys that it changes must exist."""
    copy, names = cfg.copy(), dotted(cfg)
    for axis in axes:
        key = axis.lstrip("+")
        if "/" in key or "@" in key or key in groups(conf):
            continue
        if axis == key and OmegaConf.select(cfg, key, default=cfg, throw_on_missing=False) is cfg:
            raise ValueError(f"{key} is no key of this configuration{nearest_keys(key, names)}")
        if axis != key:
            OmegaConf.update(copy, key, None, force_add=True)
    return copy


def _meaning(group: str) -> str:
    from dermoscopy.config.help import MEANINGS  # noqa: PLC0415  (a table that only messages need)

    return f" ({MEANINGS[group]})" if group in MEANINGS else ""


def unknown_key(error: HydraException, conf: Path, program: str, arguments: Sequence[str]) -> str | None:
    """Return what to type instead of a key that Hydra does not know; None where the error is another one.

    Args:
        error: of composing the configuration.
        conf, program: as for `check_known`.
        arguments: of the command.
    """
    if absent := ABSENT_GROUP.match(str(error)):
        from dermoscopy.config.help import ADDED  # noqa: PLC0415

        group = absent[1]
        return (
            None
            if group in ADDED
            else f"nothing in this configuration uses the group {group}{_meaning(group)}: leave it out"
        )
    if present := PRESENT.match(str(error)):
        return f"{present[1]} is in this configuration already: leave out the + before it"
    if (cause := error.__cause__) is not None and str(error).startswith("Error merging override"):
        return f"{str(error).removeprefix('Error merging override ')} is refused: {str(cause).splitlines()[0]}"
    if (unknown := OVERRIDE.match(str(error))) is None:
        return None
    key = unknown[1]
    cfg = _chosen(conf, program, arguments)
    if (group := key.partition(".")[0]) in groups(conf) and group not in cfg:
        return f"{key} has an effect only with {group}=NAME: add it, or leave {key} out"
    answer = f"{key} is no key of this configuration{nearest_keys(key, dotted(cfg))}"
    parts = key.split(".")[:-1]
    while parts:
        part = OmegaConf.select(cfg, ".".join(parts), throw_on_missing=False)
        if isinstance(part, DictConfig) and TARGET in part:
            typed = next((text for text in arguments if text.partition("=")[0] == key), f"{key}=VALUE")
            return f"{answer}; an argument of {part._get_node(TARGET)} that conf/ does not set: +{typed}"
        parts.pop()
    return answer


def _chosen(conf: Path, program: str, arguments: Sequence[str]) -> DictConfig:
    """Return the configuration of the choices of groups in a command, without its other arguments."""
    parsed = [parse(argument) for argument in arguments if not argument.startswith("-")]
    known = groups(conf)
    choices = [o.input_line for o in parsed if o and o.key_or_group in known and not o.is_sweep_override()]
    own = [f"hydra.searchpath=[file://{a.partition('=')[2]}]" for a in arguments if a.startswith("--config-dir=")]
    file = conf / f"{program}.yaml"
    with initialize_config_dir(str(conf if file.is_file() else conf / program), version_base="1.3"):
        try:
            return compose(program, [*own, *map(str, choices)])
        except HydraException:
            return compose(program)


def nearest_keys(key: str, known: Collection[str]) -> str:
    """Return "; did you mean ...?" for the known keys with the same or a similar last name, else similar as a whole."""
    last = key.rpartition(".")[2]
    ends: dict[str, list[str]] = {}
    for name in sorted(known, key=lambda name: (name.count("."), name)):
        ends.setdefault(name.rpartition(".")[2], []).append(name)
    close = [last] if last in ends else get_close_matches(last, ends, n=2, cutoff=0.75)
    names = [name for end in close for name in ends[end] if name != key][:3]
    return did_you_mean(names) if names else nearest(key, set(known) - {key})


def dotted(node: DictConfig, prefix: str = "") -> list[str]:
    """Return the dotted names of all keys, those of parts and of stages included, but not those of Hydra."""
    names: list[str] = []
    for name, child in _children(node):
        key = f"{prefix}{name}"
        if key in ("hydra", f"{prefix}{TARGET}"):
            continue
        names.append(key)
        if isinstance(child, DictConfig):
            names += dotted(child, f"{key}.")
        elif key == "stages" and isinstance(child, ListConfig):
            names += [
                inner for _, stage in _children(child) if isinstance(stage, DictConfig) for inner in dotted(stage)
            ]
    return list(dict.fromkeys(names))


def references(node: DictConfig | ListConfig, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Return the dotted keys that references in a configuration name."""
    for name, child in _children(node):
        if isinstance(child, DictConfig | ListConfig) and not child._is_interpolation():
            yield from references(child, (*path, name))
        elif isinstance(text := child._value(), str):
            for dots, key in REFERENCE.findall(text):
                start = path[: len(path) + 1 - len(dots)] if dots else ()
                yield ".".join((*start, key.rstrip(".")))  # ${a.${b}} may read all of a


def is_read(key: str, read: Collection[str]) -> bool:
    """Return whether references name a key, a part that has it, or a part of it."""
    return any(f"{key}.".startswith(f"{name}.") or name.startswith(f"{key}.") for name in read)


def _children(node: DictConfig | ListConfig) -> Iterator[tuple[str, Any]]:
    if node._is_none() or node._is_missing() or node._is_interpolation():
        return
    if isinstance(node, ListConfig):
        yield from ((str(number), node._get_node(number)) for number in range(len(node)))
    else:
        yield from ((str(name), node._get_node(name)) for name in node)


def _keys(cfg: DictConfig, prefix: str = "") -> Iterator[str]:
    """Return the dotted keys at the root and of parts that are no arguments of a class."""
    for name, child in _children(cfg):
        key = f"{prefix}{name}"
        if key not in FREE:
            yield key
            if isinstance(child, DictConfig) and not child._is_interpolation() and TARGET not in child:
                yield from _keys(child, f"{key}.")


def _known(conf: Path, program: str) -> set[str]:
    """Return the dotted keys that a program reads, as its file and the files of its groups have them."""
    file = conf / f"{program}.yaml"
    content = yaml.safe_load((file if file.is_file() else conf / program / file.name).read_text())
    chosen = [group for entry in content.pop("defaults") if isinstance(entry, dict) for group in entry]
    known = set(_flat(content)) | {group for group in chosen if not group.startswith("override ")}
    for path in (path for group in chosen for path in (conf / group).glob("*.yaml")):
        text = path.read_text()
        settings = {key: value for key, value in yaml.safe_load(text).items() if key != "defaults"}
        group = path.parent.name
        if text.startswith(GLOBAL):
            settings = settings.get(group, {})
        if TARGET not in settings:
            known |= set(_flat({group: settings}))
    return known | {"about"}


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in settings.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
