"""Groups of the configuration and their choices.

A choice is a file conf/GROUP/CHOICE.yaml, or an entry of conf/choices/GROUP.yaml, for choices that differ little.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHOICES = "choices"  # folder of files with several choices of a group, CHOICE: settings
GLOBAL = "# @package _global_"  # first line of a file whose settings Hydra merges at the root


def groups(conf: Path) -> dict[str, list[str]]:
    """Return the sorted names of the choices of every group in a folder of configurations."""
    names: dict[str, set[str]] = {}
    for group, entries, _ in _shared_files(conf):
        names.setdefault(group, set()).update(entries)
    for path in conf.glob("*/**/*.yaml"):
        if CHOICES not in path.relative_to(conf).parts:
            names.setdefault(path.parent.relative_to(conf).as_posix(), set()).add(path.stem)
    return {group: sorted(names[group]) for group in sorted(names)}


def settings_of(conf: Path, group: str) -> set[str]:
    """Return the dotted keys and the groups that the choices of a group set: of arms whatever they change, else itself.

    Args:
        conf: folder of configurations.
        group: a group, or the key of a single value.
    """
    keys: set[str] = set()
    for name, entries, package in _shared_files(conf):
        if name == group and package is not None:
            for choice in entries.values():
                keys.update(_leaves({key: value for key, value in choice.items() if key != "defaults"}))
                keys.update(str(key).split()[-1].strip("/") for entry in choice.get("defaults", ()) for key in entry)
    return keys or {group}


def _leaves(settings: dict[str, Any], prefix: str = "") -> set[str]:
    inner = {f"{prefix}{name}": value for name, value in settings.items()}
    nested = [_leaves(value, f"{key}.") for key, value in inner.items() if isinstance(value, dict) and value]
    return {key for key, value in inner.items() if not isinstance(value, dict) or not value}.union(*nested)


@cache  # once per process: composing many configurations needs it once
def register_choices(conf: Path) -> None:
    """Register with Hydra the choices that share a file, as if each had a file of its own.

    The defaults that plugins register under the names of our launchers are removed, as Hydra would warn of them.
    """
    from hydra.core.config_store import ConfigStore  # noqa: PLC0415  (--help answers without importing Hydra)
    from hydra.core.plugins import Plugins  # noqa: PLC0415
    from omegaconf import OmegaConf  # noqa: PLC0415

    Plugins.instance()  # loads the plugins
    for preset in (conf / "hydra" / "launcher").glob("*.yaml"):
        ConfigStore.instance().repo["hydra"]["launcher"].pop(preset.name, None)
    for group, entries, package in _shared_files(conf):
        for name, settings in entries.items():
            node = OmegaConf.create(settings)
            ConfigStore.instance().store(group=group, name=name, node=node, package=package, provider=CHOICES)


@cache
def _shared_files(conf: Path) -> tuple[tuple[str, dict[str, Any], str | None], ...]:
    """Return group, choices and package of each file of conf/choices."""
    files = []
    for path in sorted((conf / CHOICES).rglob("*.yaml")):
        text = path.read_text()
        entries = yaml.load(text, yaml.CSafeLoader)  # twenty times faster than OmegaConf's, which reads the same
        group = path.relative_to(conf / CHOICES).with_suffix("").as_posix()
        package = "_global_" if text.startswith(GLOBAL) else None
        files.append((group, {str(name): choice for name, choice in entries.items()}, package))
    return tuple(files)
