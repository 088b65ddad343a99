"""What becomes of jobs in other processes, told on the console."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dermoscopy.runs.files import ERROR
from dermoscopy.runs.records import JobRecord, read_jobs


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


def _state(job: JobRecord) -> tuple[str, str]:
    return job["started"], job["status"]


def describe(job: JobRecord, folder: Path) -> str:
    """Return a line that says what became of a job; of a failed one with the reason and the place of the traceback."""
    who = f"{job['arm']}, seed {job['seed']}" + ("" if job.get("fold") is None else f", fold {job['fold']}")
    if job["status"] == "failed":
        return f"{who}: failed: {job['error']} ({folder / ERROR})"
    return f"{who}: {job['status']}" + (f" in {job['seconds']:.0f} s" if job["status"] == "done" else "")
