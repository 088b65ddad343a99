"""Overhead per job of a sweep whose jobs train one batch."""

import csv
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from tests.bench.material import ONE_BATCH, ROOT, demo_data, training
from tests.bench.timing import Comparison

SIZE = 64
LOGGERS = ("mlflow", "csv")


def compare(folder: Path, rounds: int, quick: bool) -> list[Comparison]:
    """Run a sweep over seeds with each logger; the first job is a warm-up and is not counted."""
    training(folder, SIZE)  # writes the store before the first job
    rows = []
    for logger in LOGGERS[-1:] if quick else LOGGERS:
        work = folder / f"job-{logger}"
        work.mkdir()
        command = [sys.executable, str(ROOT / "train.py"), "-m", f"seed={','.join(map(str, range(rounds + 1)))}"]
        command += [*demo_data(folder, SIZE), f"logger={logger}", "scheduler=constant", "hydra/launcher=basic"]
        command += ONE_BATCH
        process = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{process.stderr}")
        overhead = _overhead(work, rounds + 1)
        rows.append(Comparison(f"job, logger={logger}", "all but the epoch", "", "s", overhead, [], 1, at_least=False))
    return rows


def _overhead(work: Path, jobs: int) -> list[float]:
    """Return the overhead per job but the first: seconds since the end of the previous job, without its epoch.

    This includes the time between jobs, in which Hydra composes the next configuration.
    """
    (sweep,) = (work / "runs/run/sweeps").iterdir()
    records = [sweep / str(number) / "job.json" for number in range(jobs)]
    periods = [after.stat().st_mtime - before.stat().st_mtime for before, after in pairwise(records)]
    return [period - _epoch(work, record) for period, record in zip(periods, records[1:], strict=True)]


def _epoch(work: Path, record: Path) -> float:
    """Return the seconds of the epoch of a job: one training and one validation batch."""
    (stage,) = json.loads(record.read_text())["stages"]
    with (work / stage["folder"] / "history.csv").open() as file:
        return float(next(csv.DictReader(file))["seconds"])
