"""Sweeps and their jobs: training one, and what they leave on disk (sweep.json, job.json, error.txt)."""

import json
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dermoscopy import tracking
from dermoscopy.files import write_json
from dermoscopy.stages import Stage, run_stages
from dermoscopy.terminal import reason


def now() -> str:
    """Return the present time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def start_sweep(folder: Path, experiment: str, command: str, axes: Sequence[str], jobs: int) -> dict[str, Any]:
    """Write and return the record of a sweep that is about to begin."""
    folder.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {"id": folder.name, "experiment": experiment, "command": command}
    record |= {"axes": list(axes), "started": now(), "jobs": jobs}
    write_json(folder / "sweep.json", record)
    return record


def read_sweep(folder: Path) -> dict[str, Any]:
    """Return the record of the sweep in this folder."""
    record: dict[str, Any] = json.loads((folder / "sweep.json").read_text())
    return record


def count(folder: Path, status: str) -> int:
    """Return how many jobs of the sweep in this folder have a status."""
    return sum(json.loads(job.read_text())["status"] == status for job in folder.glob("*/job.json"))


@contextmanager
def job_record(folder: Path, facts: Mapping[str, Any], announce: bool = True) -> Iterator[dict[str, Any]]:
    """Keep ``job.json`` true while a job runs: running, then done or failed; the block may add facts.

    A failure is said at once if ``announce``, in one line, with the place of the full traceback; then it goes on as it
    came.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {**facts, "status": "running", "error": None, "started": now()}
    write_json(folder / "job.json", record)
    began = time.perf_counter()
    try:
        yield record
        record["status"] = "done"
    except BaseException as error:
        record |= {"status": "failed", "error": reason(error)}
        (folder / "error.txt").write_text(traceback.format_exc())
        if announce:
            who = f"{facts['arm']} seed {facts['seed']}"
            print(f"failed: {who}: {record['error']} ({folder / 'error.txt'})", file=sys.stderr)
        raise
    finally:
        record["seconds"] = time.perf_counter() - began
        write_json(folder / "job.json", record)


def train(
    stages: Sequence[Stage],
    logger: Any,
    record: dict[str, Any],
    parameters: Mapping[str, Any],
    sweep: Mapping[str, Any],
    rerun: bool = False,
) -> None:
    """Train what is not yet trained of a job's stages, track it, and complete the job's record."""
    record["key"] = stages[-1].key
    tags = {name: record[name] for name in ("arm", "seed", "fold", "key", "commit", "dirty")}
    tags |= {"sweep": sweep["id"], "data": record["data"]["fingerprint"], tracking.PARENT: sweep.get("parent_run")}
    tracking.describe_run(logger, f"{record['arm']}, seed {record['seed']}", tags, parameters)
    try:
        done = run_stages(stages, [logger], rerun)
        last = done[-1]
        record["stages"] = [stage.record for stage in done]
        record["metrics"] = last.result["metrics"]
        record["data"] |= last.result["images"]
        tracking.finish_run(logger, last.result["metrics"], last.stage.folder)
    except BaseException:
        logger.finalize("failed")
        raise
    logger.finalize("success")
