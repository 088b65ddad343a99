"""A whole sweep: its overhead beyond its stages, and the time until a finished sweep, started again, ends."""

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.material import ONE_BATCH, ROOT, demo_data, training
from tests.bench.timing import Comparison

SIZE = 64
JOBS = 100
IMAGES = 600  # size of the demo data


def compare(folder: Path, rounds: int, quick: bool) -> list[Comparison]:
    """Run the zeroing sweep once (quick: one epoch per stage), and a finished sweep of many jobs repeatedly."""
    training(folder, SIZE)  # writes the store
    return [_finished(folder, rounds, JOBS // 10 if quick else JOBS), _zeroing(folder, quick)]


def _zeroing(folder: Path, quick: bool) -> Comparison:
    """Compare the time of a sweep, start and imports included, with the sum of its distinct stages."""
    work = folder / "sweep-zeroing"
    demo = demo_data(folder, SIZE) if quick else demo_data(work, SIZE, IMAGES)
    training(work, SIZE, *demo)
    seconds = _train(work, "+experiment=zeroing", "hydra/launcher=basic", *demo, *(["epochs=1"] if quick else []))
    stages = [json.loads(path.read_text()) for path in work.glob("runs/zeroing/*/result.json")]
    part = f"sweep of {len(list(work.glob('runs/zeroing/sweeps/*/*/job.json')))} jobs"
    sums = [sum(stage["seconds"] for stage in stages)]
    return Comparison(part, "zeroing, whole sweep", "its distinct stages", "s", [seconds], sums, 1.05, at_least=False)


def _finished(folder: Path, rounds: int, jobs: int) -> Comparison:
    """Measure the seconds of a finished sweep that is started again."""
    work = folder / "sweep-finished"
    command = [f"seed=range({jobs})", "network.backbone=resnet10t", *ONE_BATCH, *demo_data(folder, SIZE)]
    _train(work, *command)
    seconds = [_train(work, *command) for _ in range(rounds)]
    return Comparison(f"finished sweep of {jobs} jobs", "started again", "", "s", seconds, [], 10, at_least=False)


def _train(work: Path, *arguments: str) -> float:
    """Run a sweep in a folder of its own; return its seconds."""
    work.mkdir(exist_ok=True)
    command = [sys.executable, str(ROOT / "train.py"), "-m", *arguments]
    began = time.perf_counter()
    process = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{process.stderr}")
    return time.perf_counter() - began
