"""Progress of jobs in other processes, printed on the console."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dermoscopy.runs.files import ERROR
from dermoscopy.runs.records import JobRecord, read_jobs


@contextmanager
def follow(folder: Path, jobs: int, seconds: float = 1.0) -> Iterator[None]:
    """Print each change of state of jobs in other processes or on other machines, while the block runs.

    Args:
        folder: of the sweep.
        jobs: number of jobs.
        seconds: interval at which their records are read.
    """
    over, printed = threading.Event(), {number: _state(job) for number, job in read_jobs(folder).items()}

    def print_changes() -> None:
        for number, job in sorted(read_jobs(folder).items()):
            if printed.get(number) != _state(job):
                printed[number] = _state(job)
                print(f"{number + 1}/{jobs} {describe(job, folder / str(number))}", flush=True)

    def run() -> None:
        while not over.wait(seconds):
            print_changes()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        print_changes()


def _state(job: JobRecord) -> tuple[str, str]:
    return job["started"], job["status"]


def describe(job: JobRecord, folder: Path) -> str:
    """Return one line on the state of a job; for a failed job with the error and the file of the traceback."""
    name = f"{job['arm']}, seed {job['seed']}" + ("" if job.get("fold") is None else f", fold {job['fold']}")
    if job["status"] == "failed":
        return f"{name}: failed: {job['error']} ({folder / ERROR})"
    return f"{name}: {job['status']}" + (f" in {job['seconds']:.0f} s" if job["status"] == "done" else "")
