"""The plan of a sweep: its identity, its jobs and their axes."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from dermoscopy.report.results.arms import short_names
from dermoscopy.runs.keys import RECIPE, canonical
from dermoscopy.runs.tables import arm_name


def identity(
    configuration: Mapping[str, object], axes: Mapping[str, Sequence[str]], conf: Sequence[Path], data: str | None
) -> str:
    """Return a hash of the plan of a sweep, equal for the same command on the same configuration and data.

    Args:
        configuration: of the sweep, before its axes are set, interpolations unresolved; without settings that
            affect only how it is computed, since those may change when a sweep is continued.
        axes: values by axis; if an axis is a configuration group, the contents of its files count as well.
        conf: folders of the configuration files, of this package and of the user; comments in them do not count.
        data: fingerprint of the store, None if the data is an axis itself.
    """
    places = [(folder, place) for folder in conf for axis in axes for place in (axis, f"choices/{axis}")]
    files = [(folder, path) for folder, place in places for path in _yaml_files(folder / place)]
    contents = {str(path.relative_to(folder)): yaml.load(path.read_text(), yaml.CSafeLoader) for folder, path in files}
    text = json.dumps([RECIPE, canonical(configuration), axes, contents, data], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _yaml_files(place: Path) -> list[Path]:
    """Return the YAML files in a folder, and the one of that name."""
    alone = place.with_name(f"{place.name}.yaml")
    return [*sorted(place.glob("**/*.yaml")), *([alone] if alone.is_file() else [])]


def plan_jobs(axes: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return the values of the axes for each job, in the order in which Hydra's own sweeper numbers jobs.

    Raises:
        ValueError: an axis has a value twice, which would be the same job twice.
    """
    for axis, values in axes.items():
        if twice := [value for value in values if values.count(value) > 1]:
            raise ValueError(f"the axis {axis} names {twice[0]} twice: each value once")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def arm_names(plan: Sequence[Mapping[str, str]], experiment: str) -> dict[str, str]:
    """Return the display name of each arm of a plan by its full name, in the order of the plan."""
    return short_names(list(dict.fromkeys(arm_name(axes, experiment) for axes in plan)))


def chooses_data(axes: Iterable[str]) -> bool:
    """Tell whether jobs differ in their data, so that each has to prepare its own."""
    return any(axis.split(".")[0] == "data" for axis in axes)


def decisions(folder: Path, threads: int | None) -> list[str]:
    """Return overrides for the configuration that a job composes: settings decided once for all jobs."""
    escaped = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    return [f'hydra.sweep.dir="{escaped}"', f"threads={threads or 'null'}"]
