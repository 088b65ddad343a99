"""Progress of jobs in other processes, printed on the console."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dermoscopy.machine.threads import in_background
from dermoscopy.runs.files import ERROR
from dermoscopy.runs.records import JobRecord, read_jobs
from dermoscopy.sweep.time_left import Clock, sweep_time


@contextmanager
def follow(folder: Path, jobs: int, seconds: float = 1.0) -> Iterator[None]:
    """Print each change of state of jobs in other processes or on other machines, while the block runs.

    Args:
        folder: of the sweep.
        jobs: number of jobs.
        seconds: interval at which their records are read.
    """
    over, changes = threading.Event(), Changes(folder, jobs)

    def show(last: bool = False) -> None:
        for line in changes.lines(last):
            print(line, flush=True)

    def run() -> None:
        while not over.wait(seconds):
            show()

    try:
        with in_background(run, over):
            yield
    finally:
        show(last=True)


class Changes:
    """What has changed in a sweep since it was last looked at.

    Args:
        folder, jobs: see `follow`.
        clock: returns the present time.
    """

    def __init__(self, folder: Path, jobs: int, clock: Clock = time.time) -> None:
        self.folder, self.jobs, self.clock = folder, jobs, clock
        self.seen = {number: _state(job) for number, job in read_jobs(folder).items()}
        self.estimated = False

    def lines(self, last: bool = False) -> list[str]:
        """Return a line for each job whose state has changed, and one on the jobs done and the time left.

        The latter is printed as soon as the time left is known, and with each job that has ended.

        Args:
            last: whether the sweep ends, so that no time is left.
        """
        jobs = sorted(read_jobs(self.folder).items())
        changed = {number: job for number, job in jobs if self.seen.get(number) != _state(job)}
        self.seen |= {number: _state(job) for number, job in changed.items()}
        lines = [
            f"{number + 1}/{self.jobs} {describe(job, self.folder / str(number))}" for number, job in changed.items()
        ]
        ended = any(job["status"] in ("done", "failed") for job in changed.values())
        if not last and (ended or not self.estimated):
            left = time_left(self.folder, self.clock)
            self.estimated |= bool(left)
            if ended or left:
                lines.append(progress(self.folder, self.jobs, left))
        return lines


def progress(folder: Path, jobs: int, left: str) -> str:
    """Return how many jobs of a sweep are done and, if known, how long the others will take.

    Args:
        folder, jobs: see `follow`.
        left: result of `time_left`.
    """
    states = [job["status"] for job in read_jobs(folder).values()]
    failed = f", {states.count('failed')} failed" if "failed" in states else ""
    return "; ".join(part for part in [f"{states.count('done')} of {jobs} jobs done{failed}", left] if part)


def time_left(folder: Path, clock: Clock = time.time) -> str:
    """Return the time left as `sweep_time` does, "" if it is short or unknown, or cannot be read at this moment."""
    with suppress(OSError):  # a folder is moved aside for a rerun: the next look reads it again
        return sweep_time(folder, clock) or ""
    return ""


def _state(job: JobRecord) -> tuple[str, str]:
    return job["started"], job["status"]


def describe(job: JobRecord, folder: Path) -> str:
    """Return one line on the state of a job; for a failed job with the error and the file of the traceback."""
    name = f"{job['arm']}, seed {job['seed']}" + ("" if job.get("fold") is None else f", fold {job['fold']}")
    if job["status"] == "failed":
        return f"{name}: failed: {job['error']} ({folder / ERROR})"
    return f"{name}: {job['status']}" + (f" in {job['seconds']:.0f} s" if job["status"] == "done" else "")
