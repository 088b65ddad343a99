"""Arms of several sweeps or single runs: which of them are the same, and short names for what differs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from dermoscopy.report.results.comparable import title
from dermoscopy.report.results.differences import RECIPE, differences, flatten, settings_of
from dermoscopy.runs.tables import NOT_AN_ARM, JobResults, SweepResults, arm_name

REPEATS = ("seed", "stage_seed", "split_seed")  # last parts of keys whose values repeat an arm
FOLD = "split.fold"
Settings = dict[str, object]
Unit = tuple[int, str]  # number of the sweep, and the arm in it


@dataclass(frozen=True)
class Arm:
    """The name of an arm, and the values that distinguish it from the others."""

    name: str
    axes: dict[str, str]


def group_arms(sweeps: Sequence[SweepResults]) -> dict[Unit, Arm]:
    """Return the arm of each arm of each sweep in the whole: the same one where their settings are the same.

    An arm keeps the name that it has in its sweep. Where several arms with different settings have the same name, those
    settings are added that tell them apart, as few as possible.
    """
    units: dict[Unit, list[JobResults]] = {}
    for number, sweep in enumerate(sweeps):
        for job in sweep.jobs:
            units.setdefault((number, job.arm), []).append(job)
    done = {unit: [job for job in jobs if job.record["status"] == "done"] for unit, jobs in units.items()}
    with_done = {arm for (_, arm), jobs in done.items() if jobs}  # a job that failed may have ended in an earlier stage
    settings = {unit: _first(done[unit] if unit[1] in with_done else jobs) for unit, jobs in units.items()}
    groups = _same(settings)
    first = {group: units[group[0]][0] for group in groups}
    axes = {group: _axes(job) for group, job in first.items()}
    by_name: dict[str, list[tuple[Unit, ...]]] = {}
    for group in groups:
        by_name.setdefault(group[0][1], []).append(group)
    arms: dict[Unit, Arm] = {}
    for name, clashing in by_name.items():
        known = {str(number): settings[group[0]] or {} for number, group in enumerate(clashing)}
        added = _telling(known) if len(clashing) > 1 else {"0": {}}
        alone = len(by_name) == 1 and name == first[clashing[0]].record["experiment"]
        for number, group in enumerate(clashing):
            own = added[str(number)]
            base = arm_name(own, name) if alone and own else ", ".join([name, *([arm_name(own, "")] if own else [])])
            arms |= dict.fromkeys(group, Arm(base, axes[group] | own))
    return _distinct(arms, groups, sweeps)


def _axes(job: JobResults) -> dict[str, str]:
    return {axis: value for axis, value in job.record["axes"].items() if axis not in NOT_AN_ARM}


def _first(jobs: Sequence[JobResults]) -> Settings | None:
    return next(filter(None, map(_settings, jobs)), None)


def _settings(job: JobResults) -> Settings | None:
    """Return what a job computes apart from its repeat, by dotted key; None while no configuration is written."""
    if not job.stages:
        return None
    try:
        flat = flatten(settings_of(job))
    except FileNotFoundError:
        return None
    data = job.record.get("data", {"name": "", "fingerprint": ""})
    recipe = job.last.configuration.content.get(RECIPE)
    own = {key: _without_place(value, job) for key, value in flat.items() if not _repeats(key)}
    return own | {"data": f"{data['name']} {data['fingerprint'][:6]}", "recipe": "" if recipe is None else recipe}


def _repeats(key: str) -> bool:
    return key.rpartition(".")[2] in REPEATS or f".{key}".endswith(f".{FOLD}")


def _without_place(value: object, job: JobResults) -> object:
    """Return a setting without the folders of the job's own stages, which the keys of their seeds name."""
    for stage in job.stages if isinstance(value, str) else ():
        value = str(value).replace("/".join(stage.folder.parts[-2:]), "")
    return value


def _same(settings: Mapping[Unit, Settings | None]) -> list[tuple[Unit, ...]]:
    """Return the groups of arms with the same settings; one without settings yet belongs to the first of its name."""
    groups: dict[object, list[Unit]] = {}
    for unit, values in settings.items():
        if values is not None:
            groups.setdefault(tuple(sorted((key, repr(value)) for key, value in values.items())), []).append(unit)
    for unit, values in settings.items():
        if values is None:
            named = [group for group in groups.values() if any(other[1] == unit[1] for other in group)]
            (named[0] if named else groups.setdefault(unit[1], [])).append(unit)
    order = list(settings)
    return sorted((tuple(sorted(group, key=order.index)) for group in groups.values()), key=lambda g: order.index(g[0]))


def _telling(settings: Mapping[str, Settings]) -> dict[str, dict[str, str]]:
    """Return of each arm the settings that tell it from the others: few keys, each the one that separates most.

    A key that an arm lacks, as in runs of earlier versions, is left out.
    """
    table = differences(settings).astype(str)
    keys: list[str] = []
    while len(table.columns) > len(keys) and _distinguished(table, keys) < _distinguished(table, [*table.columns]):
        order = sorted(table.columns, key=lambda key: (key.count("."), key.startswith("stage "), key))
        keys.append(max(order, key=lambda key: _distinguished(table, [*keys, key])))
    last = [key.rpartition(".")[2] for key in keys]
    short = {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}
    return {str(arm): {short[key]: row[key] for key in keys if row[key] != ""} for arm, row in table.iterrows()}


def _distinguished(table: pd.DataFrame, keys: list[str]) -> int:
    return len(table[keys].drop_duplicates()) if keys else 1


def _distinct(
    arms: Mapping[Unit, Arm], groups: Sequence[tuple[Unit, ...]], sweeps: Sequence[SweepResults]
) -> dict[Unit, Arm]:
    """Return arms whose names differ: those that settings do not tell apart get the name of their sweep."""
    result: dict[Unit, Arm] = {}
    taken: set[str] = set()
    for group in groups:
        arm = arms[group[0]]
        name, number = arm.name, 1
        while name in taken:
            number += 1
            name = f"{arm.name} ({title(sweeps[group[0][0]], sweeps)}{f' {number}' if number > 2 else ''})"
        taken.add(name)
        result |= dict.fromkeys(group, Arm(name, arm.axes))
    return result
