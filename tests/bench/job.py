"""A job of a sweep that trains one batch: what it takes besides that batch."""

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
    """Run a sweep over seeds with each logger; its first job, which warms up, does not count."""
    training(folder, SIZE)  # makes the store, so that the first job need not
    rows = []
    for logger in LOGGERS[-1:] if quick else LOGGERS:
        work = folder / f"job-{logger}"
        work.mkdir()
        command = [sys.executable, str(ROOT / "train.py"), "-m", f"seed={','.join(map(str, range(rounds + 1)))}"]
        command += [*demo_data(folder, SIZE), f"logger={logger}", "scheduler=constant"]
        command += ONE_BATCH
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
        overhead = _overhead(work, rounds + 1)
        rows.append(Comparison(f"job, logger={logger}", "all but the epoch", "", "s", overhead, [], 1, at_least=False))
    return rows


def _overhead(work: Path, jobs: int) -> list[float]:
    """Return, for each job but the first, the seconds since the end of the job before it, less those of its epoch.

    So the time between jobs, in which Hydra composes the next configuration, counts as well.
    """
    (sweep,) = (work / "runs/run/sweeps").iterdir()
    records = [sweep / str(number) / "job.json" for number in range(jobs)]
    periods = [after.stat().st_mtime - before.stat().st_mtime for before, after in pairwise(records)]
    return [period - _epoch(work, record) for period, record in zip(periods, records[1:], strict=True)]


def _epoch(work: Path, record: Path) -> float:
    """Return the seconds of the one epoch that a job trained: a training and a validation batch."""
    (stage,) = json.loads(record.read_text())["stages"]
    with (work / stage["folder"] / "history.csv").open() as file:
        return float(next(csv.DictReader(file))["seconds"])
