"""Groups of the configuration and their choices.

A choice is a file conf/GROUP/CHOICE.yaml, or an entry of conf/choices/GROUP.yaml, for choices that differ little.
"""

from pathlib import Path

import yaml

CHOICES = "choices"  # folder of files with several choices of a group, CHOICE: settings
GLOBAL = "# @package _global_"  # first line of a file whose settings Hydra merges at the root


def choices_file(conf: Path, group: str) -> Path:
    """Return the path of the file with several choices of a group, which need not exist."""
    return conf / CHOICES / f"{group}.yaml"


def groups(conf: Path) -> dict[str, list[str]]:
    """Return the sorted names of the choices of every group in a folder of configurations."""
    names: dict[str, set[str]] = {}
    for path in conf.glob("*/**/*.yaml"):
        if CHOICES in path.relative_to(conf).parts:
            group = path.relative_to(conf / CHOICES).with_suffix("").as_posix()
            names.setdefault(group, set()).update(map(str, yaml.safe_load(path.read_text())))
        else:
            names.setdefault(path.parent.relative_to(conf).as_posix(), set()).add(path.stem)
    return {group: sorted(names[group]) for group in sorted(names)}


def register_choices(conf: Path) -> None:
    """Register with Hydra the choices that share a file, as if each had a file of its own."""
    from hydra.core.config_store import ConfigStore  # noqa: PLC0415  (--help answers without importing Hydra)
    from omegaconf import OmegaConf  # noqa: PLC0415

    for path in sorted((conf / CHOICES).rglob("*.yaml")):
        group = path.relative_to(conf / CHOICES).with_suffix("").as_posix()
        package = "_global_" if path.read_text().startswith(GLOBAL) else None
        entries = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        assert isinstance(entries, dict)
        for name, settings in entries.items():
            node = OmegaConf.create(settings)
            ConfigStore.instance().store(group=group, name=str(name), node=node, package=package, provider=CHOICES)
