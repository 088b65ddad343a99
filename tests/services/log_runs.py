"""Log runs from many processes at once: python log_runs.py URI FOLDER EXPERIMENT PROCESSES EPOCHS [SECONDS an epoch]"""

import multiprocessing
import sys
import time
from pathlib import Path

from dermoscopy.tracking.experiment import open_experiment
from dermoscopy.tracking.journal import Journal

METRICS = ("train/loss", "val/loss", "val/f1", "val/average_precision", "val/seconds")


def log_run(number: int, uri: str, folder: Path, experiment: str, epochs: int, seconds: float) -> None:
    """Log what a job logs; the values say where they belong."""
    open_experiment(uri, experiment, folder / "artifacts")
    journal = Journal(folder / "runs" / experiment / "sweeps" / "now" / str(number), uri, experiment, None, pause=1)
    journal.begin(f"job {number}", {"arm": number}, {"sweep": "now", "job": number, "key": number})
    journal.log_hyperparams({f"group.p{n}": n * number for n in range(150)})
    for epoch in range(epochs):
        journal.log_metrics({name: number + place / 8 + epoch / 1024 for place, name in enumerate(METRICS)}, epoch)
        time.sleep(seconds)
    journal.finalize("success")


if __name__ == "__main__":
    uri, folder, experiment, processes, epochs, *pace = sys.argv[1:]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "dermoscopy.tracking.journal"])
    rest = (uri, Path(folder), experiment, int(epochs), float(*pace) if pace else 0.0)
    children = [context.Process(target=log_run, args=(number, *rest)) for number in range(int(processes))]
    for child in children:
        child.start()
    for child in children:
        child.join()
    sys.exit(sum(child.exitcode != 0 for child in children))
