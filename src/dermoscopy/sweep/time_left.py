"""How long a run and its sweep will still take, in one line."""

import time
from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.results.facts import duration
from dermoscopy.report.results.progress import JobProgress, read_progress, run_seconds_left, seconds_left
from dermoscopy.runs.tables import load_sweep

SHORT = 10.0  # seconds about which nothing is said
CHANGE = 0.25  # of an estimate, above which a new one is printed
Clock = Callable[[], float]  # the present time, as `time.time`


def sweep_time(folder: Path, clock: Clock = time.time) -> str | None:
    """Return how long the sweep in this folder will still take; None if that is short or not known yet.

    Args:
        folder: of the sweep.
        clock: returns the present time.
    """
    sweep = load_sweep(folder)
    jobs = read_progress(sweep)
    seconds, left = seconds_left(jobs, sweep.processes), _left(jobs)
    if seconds is None or seconds < SHORT:
        return None
    return f"about {duration(seconds)} for the {_count(left, 'job')} left, until {until(seconds, clock)}"


class TimeLeft:
    """Prints how long a run, and the sweep whose jobs run one after another, will still take.

    Args:
        folder: of the job, in that of its sweep.
        clock: returns the present time.
    """

    def __init__(self, folder: Path, clock: Clock = time.time) -> None:
        self.sweep, self.number, self.clock = folder.parent, int(folder.name), clock
        self.end: float | None = None  # of the run, as printed last
        self.printed = 0.0

    def __call__(self) -> None:
        """Print the estimate, unless it is short or about that printed before."""
        sweep = load_sweep(self.sweep)
        jobs, now = read_progress(sweep), self.clock()
        run, whole = run_seconds_left(jobs, self.number), seconds_left(jobs, sweep.processes)
        if run is None or whole is None or max(run, whole) < SHORT:
            return
        if self.end is not None and abs(now + run - self.end) <= CHANGE * max(run, self.end - self.printed, SHORT):
            return
        self.end, self.printed = now + run, now
        stages = _count(len(jobs[self.number].stages), "stage")
        text = f"about {duration(run)} left for this run ({stages})"
        if (left := _left(jobs)) > 1:
            text += f", {duration(whole)} for the {left} jobs left"
        print(f"  {text}, until {until(whole, self.clock)}", flush=True)


def until(seconds: float, clock: Clock) -> str:
    """Return the local time in so many seconds: of today 17:40, else with its date."""
    now, then = time.localtime(clock()), time.localtime(clock() + seconds)
    return time.strftime("%H:%M" if now[:3] == then[:3] else "%Y-%m-%d %H:%M", then)


def _left(jobs: list[JobProgress]) -> int:
    running = any(job.status == "running" for job in jobs)
    return sum(job.status != "done" and (job.status != "failed" or not running) for job in jobs)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
