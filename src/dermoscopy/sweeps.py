"""A sweep on disk: its folder and record, which one a command continues, whether there is anything left to do."""

import hashlib
import itertools
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from dermoscopy.files import read_json, remove_parts, write_json
from dermoscopy.ledger import RECIPE, relevant
from dermoscopy.lock import held

RECORD, JOB, STOP = "sweep.json", "job.json", "stop"
HOW = frozenset({"threads", "jobs_per_gpu", "sweep"})  # a sweep may go on in another way than it began


def now() -> str:
    """Return the present time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def identity(
    configuration: Mapping[str, Any], axes: Mapping[str, Sequence[str]], conf: Sequence[Path], data: str | None
) -> str:
    """Return a hash of all that says what a sweep will do; equal for the same command on the same configuration.

    Args:
        configuration: of the sweep, before its axes are set, interpolations unresolved.
        axes: the values of each; those that are groups of files choose from them, so their contents count as well.
        conf: folders of the configuration files, ours and the user's; comments in them do not matter.
        data: fingerprint of the store, None if the data is an axis itself.
    """
    kept = relevant(configuration, irrelevant=HOW)
    files = [(folder, path) for folder in conf for axis in axes for path in sorted((folder / axis).glob("**/*.yaml"))]
    contents = {str(path.relative_to(folder)): yaml.safe_load(path.read_text()) for folder, path in files}
    text = json.dumps([RECIPE, kept, axes, contents, data], sort_keys=True, default=str)
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


def find_or_make(root: Path, identity: str, rerun: bool = False) -> Path:
    """Return the folder of the sweep that this identity continues, else a new folder named by the time.

    Args:
        root: `runs/<experiment>/sweeps`.
        identity: see above; the latest sweep that has it is continued.
        rerun: continue it only if it is not done, else begin anew.
    """
    for record in sorted(root.glob(f"*/{RECORD}"), reverse=True):
        latest = read_json(record)
        if latest.get("identity") == identity:
            if rerun and latest["status"] == "done":
                break
            return record.parent
    stamp = datetime.now(UTC).astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    for number in itertools.count(2):
        try:
            folder = root / stamp
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # another sweep began in this second
            stamp = f"{stamp[:19]}-{number}"
    raise AssertionError("unreachable")


def start_sweep(folder: Path, facts: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Write the record of a sweep that begins or goes on; what only a first start knows is kept.

    Returns:
        The status it had before, None if it begins, and the record.
    """
    (folder / STOP).unlink(missing_ok=True)
    remove_parts(folder)
    before = read_sweep(folder) if (folder / RECORD).is_file() else {"started": now(), "parent_run": None}
    record = before | {"id": folder.name, **facts, "resumed": now(), "ended": None, "status": "running"}
    write_json(folder / RECORD, record)
    return before.get("status"), record


def end_sweep(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of a sweep that is over, with its status: done, failed or interrupted."""
    record["ended"] = now()
    write_json(folder / RECORD, record)


def read_sweep(folder: Path) -> dict[str, Any]:
    """Return the record of the sweep in this folder."""
    return read_json(folder / RECORD)


def read_jobs(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the records of the jobs that have begun, by number."""
    return {int(path.parent.name): read_job(path.parent) for path in folder.glob(f"*/{JOB}")}


def read_job(folder: Path) -> dict[str, Any]:
    """Return the record of the job in this folder; one that was killed counts as interrupted."""
    record = read_json(folder / JOB)
    if record["status"] == "running" and not held(folder):
        record["status"] = "interrupted"
    return record


def complete(folder: Path) -> bool:
    """Tell whether every job of the sweep in this folder is done and its stages are still there."""
    record, jobs = read_sweep(folder), read_jobs(folder)
    runs = folder.parent.parent
    return len(jobs) == record["jobs"] and all(
        job["status"] == "done" and all((runs / stage["key"] / "result.json").is_file() for stage in job["stages"])
        for job in jobs.values()
    )


def stop(folder: Path) -> None:
    """Keep the jobs of a sweep that have not begun yet from beginning."""
    (folder / STOP).touch()


def stopped(folder: Path) -> bool:
    """Tell whether no further job of this sweep is to begin."""
    return (folder / STOP).exists()


@contextmanager
def follow(folder: Path, jobs: int, seconds: float = 1.0) -> Iterator[None]:
    """Say on the console what becomes of jobs that run in other processes or on other machines, while the block runs.

    Args:
        folder: of the sweep.
        jobs: how many there are.
        seconds: between two looks.
    """
    over, said = threading.Event(), {number: _state(job) for number, job in read_jobs(folder).items()}

    def look() -> None:
        for number, job in sorted(read_jobs(folder).items()):
            if said.get(number) != _state(job):
                said[number] = _state(job)
                print(f"{number + 1}/{jobs} {describe(job, folder / str(number))}", flush=True)

    def run() -> None:
        while not over.wait(seconds):
            look()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()


def _state(job: Mapping[str, Any]) -> tuple[str, str]:
    return job["started"], job["status"]


def describe(job: Mapping[str, Any], folder: Path) -> str:
    """Return a line that says what became of a job; of a failed one with the reason and the place of the traceback."""
    who = f"{job['arm']}, seed {job['seed']}" + ("" if job.get("fold") is None else f", fold {job['fold']}")
    if job["status"] == "failed":
        return f"{who}: failed: {job['error']} ({folder / 'error.txt'})"
    return f"{who}: {job['status']}" + (f" in {job['seconds']:.0f} s" if job["status"] == "done" else "")
