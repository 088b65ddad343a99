"""Log runs from many processes at once: python log_runs.py URI FOLDER EXPERIMENT PROCESSES EPOCHS [WAIT ...]

Before each epoch WAIT a run waits until the file FOLDER/WAIT exists.
"""

import multiprocessing
import sys
import time
from pathlib import Path

from dermoscopy.tracking.experiment import open_experiment
from dermoscopy.tracking.journal import Journal

METRICS = ("train/loss", "val/loss", "val/f1", "val/average_precision", "val/seconds")


def log_run(number: int, uri: str, folder: Path, experiment: str, epochs: int, waits: list[int]) -> None:
    """Log like a job, with values that encode run, metric and epoch."""
    open_experiment(uri, experiment, folder / "artifacts")
    journal = Journal(folder / "runs" / experiment / "sweeps" / "now" / str(number), uri, experiment, None, pause=1)
    journal.begin(f"job {number}", {"arm": number}, {"sweep": "now", "job": number, "key": number})
    journal.log_hyperparams({f"group.p{n}": n * number for n in range(150)})
    for epoch in range(epochs):
        while epoch in waits and not (folder / str(epoch)).exists():
            time.sleep(0.05)
            journal.flush()
        journal.log_metrics({name: number + place / 8 + epoch / 1024 for place, name in enumerate(METRICS)}, epoch)
    journal.finalize("success")


if __name__ == "__main__":
    uri, folder, experiment, processes, epochs, *waits = sys.argv[1:]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "dermoscopy.tracking.journal"])
    rest = (uri, Path(folder), experiment, int(epochs), list(map(int, waits)))
    children = [context.Process(target=log_run, args=(number, *rest)) for number in range(int(processes))]
    for child in children:
        child.start()
    for child in children:
        child.join()
    sys.exit(sum(child.exitcode != 0 for child in children))
