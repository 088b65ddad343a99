"""A sweep on disk: its folder and record, which one a command continues, whether there is anything left to do."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dermoscopy.machine.files import read_json, remove_parts, write_json
from dermoscopy.machine.leases import held
from dermoscopy.runs.files import JOB, RESULT, STOP, SWEEP


def now() -> str:
    """Return the present time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def find_or_make(root: Path, identity: str, rerun: bool = False) -> Path:
    """Return the folder of the sweep that this identity continues, else a new folder named by the time.

    Args:
        root: `runs/<experiment>/sweeps`.
        identity: see above; the latest sweep that has it is continued.
        rerun: continue it only if it is not done, else begin anew.
    """
    for record in sorted(root.glob(f"*/{SWEEP}"), reverse=True):
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
    before = read_sweep(folder) if (folder / SWEEP).is_file() else {"started": now(), "parent_run": None}
    record = before | {"id": folder.name, **facts, "resumed": now(), "ended": None, "status": "running"}
    write_json(folder / SWEEP, record)
    return before.get("status"), record


def end_sweep(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of a sweep that is over, with its status: done, failed or interrupted."""
    record["ended"] = now()
    write_json(folder / SWEEP, record)


def read_sweep(folder: Path) -> dict[str, Any]:
    """Return the record of the sweep in this folder."""
    return read_json(folder / SWEEP)


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
        job["status"] == "done" and all((runs / stage["key"] / RESULT).is_file() for stage in job["stages"])
        for job in jobs.values()
    )


def stop(folder: Path) -> None:
    """Keep the jobs of a sweep that have not begun yet from beginning."""
    (folder / STOP).touch()


def stopped(folder: Path) -> bool:
    """Tell whether no further job of this sweep is to begin."""
    return (folder / STOP).exists()
