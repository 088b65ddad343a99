"""What a sweep will do: its identity, its jobs and their axes."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from dermoscopy.runs.keys import RECIPE, canonical


def identity(
    configuration: Mapping[str, object], axes: Mapping[str, Sequence[str]], conf: Sequence[Path], data: str | None
) -> str:
    """Return a hash of all that says what a sweep will do; equal for the same command on the same configuration.

    Args:
        configuration: of the sweep, before its axes are set, interpolations unresolved; without what says only how
            it is computed, since a sweep may go on in another way than it began.
        axes: the values of each; those that are groups of files choose from them, so their contents count as well.
        conf: folders of the configuration files, ours and the user's; comments in them do not matter.
        data: fingerprint of the store, None if the data is an axis itself.
    """
    files = [(folder, path) for folder in conf for axis in axes for path in sorted((folder / axis).glob("**/*.yaml"))]
    contents = {str(path.relative_to(folder)): yaml.safe_load(path.read_text()) for folder, path in files}
    text = json.dumps([RECIPE, canonical(configuration), axes, contents, data], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan_jobs(axes: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return the axes of each job, in the order in which Hydra's own sweeper numbers them.

    Raises:
        ValueError: an axis names a value twice, which would be the same job twice.
    """
    for axis, values in axes.items():
        if twice := [value for value in values if values.count(value) > 1]:
            raise ValueError(f"the axis {axis} names {twice[0]} twice: each value once")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def chooses_data(axes: Iterable[str]) -> bool:
    """Tell whether jobs differ in their data, so that each prepares its own."""
    return any(axis.split(".")[0] == "data" for axis in axes)


def decisions(folder: Path, threads: int | None) -> list[str]:
    """Return the overrides by which a job, which composes its own configuration, learns what was decided for all."""
    escaped = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    return [f'hydra.sweep.dir="{escaped}"', f"threads={threads or 'null'}"]
