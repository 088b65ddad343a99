"""What can be deleted in a folder of runs without any result that is still wanted, and its deletion.

Kept are the latest sweep of each experiment, every sweep that is not older than the user says, every sweep that has
events for the tracking server, and whatever the records of these name: their stages, and the runs and sweeps whose
weights or predicted masks those read. An experiment in which a process is working is left alone.
"""

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dermoscopy.machine.files import PART, read_json
from dermoscopy.machine.leases import held, lease
from dermoscopy.runs.files import BEST, CONFIG, JOB, REPLACED, REPRODUCED, REPRODUCTION, RESULT, SWEEP
from dermoscopy.tracking.delivery import pending

STAGES, SWEEPS = "stages that no sweep needs", "older sweeps"
CHECKPOINTS, LEFTOVERS = "checkpoints besides the best", "leftovers"
KEYS = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
KEY_TYPED = re.compile(r"checkpoint=\W*([0-9a-f]{4,16})(?![\w./])")  # its first digits, in a command
SWEEP_TYPED = re.compile(r"sweeps/([\w-]+)")
MASKS = re.compile(r"sweeps/([^/ ]+)/[^/]+\.h5")  # predicted masks that a sweep has joined
HIDDEN = (".*", "*/.*", "sweeps/*/.*", "sweeps/*/*/.*")  # places of temporary files and locks
LOCK = ".lock"
DAY, YOUNG = 86_400, 3_600  # seconds; a younger leftover may belong to a process on another machine


class Busy(Exception):
    """A process works in the folder."""


@dataclass(frozen=True)
class Removable:
    """A file or folder that can be deleted: why, where, and its size in bytes."""

    kind: str
    path: Path
    size: int


@dataclass
class Pruning:
    """What can be deleted, and which experiments are left alone, with the reason."""

    items: list[Removable] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


@dataclass
class _Experiment:
    """The folders of one experiment.

    Attributes:
        records: content of `sweep.json` by folder, in the order of their times.
        jobs: contents of the `job.json` of each sweep.
        stages: folders of stages by key.
    """

    folder: Path
    records: dict[Path, dict[str, Any]]
    jobs: dict[Path, list[dict[str, Any]]]
    stages: dict[str, Path]

    def needed(self, sweep: Path) -> set[str]:
        """Return the keys of the stages of a sweep."""
        return {stage["key"] for job in self.jobs[sweep] for stage in job.get("stages", ())}


@dataclass(frozen=True)
class _Kept:
    """The sweeps and the keys of stages that are kept, and the text of the configurations of these stages."""

    sweeps: set[Path]
    keys: set[str]
    text: str


def find_removable(runs: Path, experiment: str | None = None, older: float | None = None) -> Pruning:
    """Find what can be deleted in a folder of runs.

    Args:
        runs: the folder.
        experiment: the only one in which something is deleted; None: in all.
        older: days since the end of a sweep, after which it is deleted unless it is the latest of its experiment; None:
            only sweeps that the same command has replaced by `rerun=true`.
    """
    pruning, read = Pruning(), []
    for folder in sorted(path for path in runs.glob("*") if path.is_dir() and not path.is_symlink()):
        if not any(folder.glob(f"sweeps/*/{SWEEP}")):  # stages that were copied from elsewhere, or no runs at all
            continue
        try:
            found = _read(folder)
        except (ValueError, KeyError, TypeError) as error:
            pruning.left[folder.name] = f"a record cannot be read: {error}"
        else:
            read.append(found)
            if working := next(_working(found), None):
                pruning.left[folder.name] = f"a process works in {working}"
    kept = _kept(read, pruning.left, older)
    for found in read:
        if found.folder.name not in pruning.left and experiment in (None, found.folder.name):
            pruning.items += [Removable(kind, path, _size(path)) for kind, path in _removable(found, kept)]
    return pruning


def _read(folder: Path) -> _Experiment:
    sweeps = sorted(path.parent for path in folder.glob(f"sweeps/*/{SWEEP}"))
    records = {sweep: read_json(sweep / SWEEP) for sweep in sweeps}
    jobs = {sweep: [read_json(path) for path in sorted(sweep.glob(f"*/{JOB}"))] for sweep in sweeps}
    stages = {path.name: path for path in folder.glob("*") if KEYS.fullmatch(path.name) and not path.is_symlink()}
    return _Experiment(folder, records, jobs, stages)


def _working(found: _Experiment) -> Iterator[Path]:
    """Yield the sweeps, jobs, stages and reproductions that a process holds."""
    jobs = (path for sweep in found.records for path in sweep.glob("*") if path.is_dir())
    reproduced = found.folder.glob(f"{REPRODUCED}/*/*")
    yield from (
        path for paths in (found.records, jobs, found.stages.values(), reproduced) for path in paths if held(path)
    )


def _kept(read: list[_Experiment], left: Mapping[str, str], older: float | None) -> _Kept:
    """Return what is kept, with all that its records name."""
    sweeps = {sweep for found in read for sweep in found.records if _wanted(found, sweep, older)}
    sweeps |= {sweep for found in read if found.folder.name in left for sweep in found.records}
    stages = [path for found in read for path in found.stages.values()]
    keys = {path.name for found in read if found.folder.name in left for path in found.stages.values()}
    while True:
        keys |= {key for found in read for sweep in sweeps & found.records.keys() for key in found.needed(sweep)}
        commands = " ".join(
            found.records[sweep]["command"] for found in read for sweep in sweeps & found.records.keys()
        )
        configurations = [path / CONFIG for path in stages if path.name in keys and (path / CONFIG).is_file()]
        text = " ".join(" ".join(file.read_text(errors="replace").split()) for file in configurations)
        named, typed = {*KEYS.findall(text)}, tuple(KEY_TYPED.findall(commands))
        masks = {*MASKS.findall(text), *SWEEP_TYPED.findall(commands)}
        more_sweeps = {sweep for found in read for sweep in found.records if sweep.name in masks} - sweeps
        more_keys = {path.name for path in stages if path.name in named or path.name.startswith(typed)} - keys
        if not more_sweeps and not more_keys:
            return _Kept(sweeps, keys, text)
        sweeps, keys = sweeps | more_sweeps, keys | more_keys


def _wanted(found: _Experiment, sweep: Path, older: float | None) -> bool:
    """Tell whether a sweep is kept for its own sake."""
    record, later = found.records[sweep], [other for other in found.records if other.name > sweep.name]
    if not later or any(map(pending, sweep.glob("**/tracking*.jsonl"))):
        return True
    again = (found.records[other] for other in later)
    if any(other["identity"] == record["identity"] and other["status"] == "done" for other in again):
        return False
    ended = datetime.fromisoformat(record["ended"] or record["resumed"])
    return older is None or time.time() - ended.timestamp() < older * DAY


def _removable(found: _Experiment, kept: _Kept) -> Iterator[tuple[str, Path]]:
    folder, stages = found.folder, sorted(found.stages.items())
    replaced, reproduced = folder.glob(f"{REPLACED}/*"), folder.glob(f"{REPRODUCED}/*/*/{REPRODUCTION}")
    whole = [(SWEEPS, sweep) for sweep in found.records if sweep not in kept.sweeps]
    whole += [(STAGES, path) for key, path in stages if key not in kept.keys]
    whole += [(LEFTOVERS, path) for path in (*sorted(replaced), *sorted(file.parent for file in reproduced))]
    yield from whole
    for key, path in stages:
        if key in kept.keys and (path / RESULT).is_file():
            others = (file for file in sorted(path.glob("*.ckpt")) if file.name != BEST)
            yield from ((CHECKPOINTS, file) for file in others if f"{key}/{file.name}" not in kept.text)
    for path in sorted(path for place in HIDDEN for path in folder.glob(place)):
        if not {path for _, path in whole} & {*path.parents} and _abandoned(path):
            yield LEFTOVERS, path


def _abandoned(path: Path) -> bool:
    """Tell whether a file is the temporary file or the lock of a process that has ended."""
    if time.time() - path.lstat().st_mtime < YOUNG:
        return False
    locked = path.with_name(path.name.removeprefix(".").removesuffix(LOCK))
    return path.suffix == PART or (path.suffix == LOCK and not held(locked))


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(file.lstat().st_size for file in files if file.is_symlink() or file.is_file())


def remove(item: Removable) -> bool:
    """Delete a file or folder; return False if a process has begun to work there.

    A folder is renamed first, so that a stage or sweep is either there as a whole or not at all.
    """

    def refuse() -> None:
        raise Busy

    try:
        with ExitStack() as holding:
            if item.kind != LEFTOVERS:
                holding.enter_context(lease(item.path.parent if item.kind == CHECKPOINTS else item.path, refuse))
            if not item.path.is_dir():
                item.path.unlink(missing_ok=True)
                return True
            doomed = item.path.with_name(f".{item.path.name}{PART}")
            shutil.rmtree(doomed, ignore_errors=True)
            shutil.rmtree(item.path.rename(doomed))
    except Busy:
        return False
    return True
