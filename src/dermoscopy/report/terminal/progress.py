"""How far each stage of each job of a sweep is, and how long the rest will take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from dermoscopy.runs.files import HISTORY
from dermoscopy.runs.stage import finished
from dermoscopy.runs.tables import NOT_AN_ARM, Sweep, stage_folder

OVER = ("done", "reused")


@dataclass(frozen=True)
class StageProgress:
    """How far a stage of a job is.

    Attributes:
        state: done, reused (trained before, by another job or sweep), running, failed, interrupted or missing.
        key: of the stage, None while its job has not begun.
        epochs, epoch: how many it is to have, None if unknown, and how many it has.
        seconds: that it took when it was trained, None while it is not over.
        pace: seconds an epoch so far, None before the first.
    """

    name: str
    state: str
    key: str | None = None
    epochs: int | None = None
    epoch: int = 0
    seconds: float | None = None
    pace: float | None = None


@dataclass(frozen=True)
class JobProgress:
    """How far a job is; ``repeat`` holds its seed and fold as far as they are swept, None if unknown."""

    number: int
    arm: str
    repeat: tuple[int | None, ...]
    status: str
    stages: tuple[StageProgress, ...]


def read_progress(sweep: Sweep) -> list[JobProgress]:
    """Return how far every job is; one that has not begun gets the stages of its arm, or else of any other job."""
    swept = [column for axis, column in zip(NOT_AN_ARM, ("seed", "fold"), strict=True) if axis in sweep.axes]
    begun = {number: _stages(sweep, record) for number, record in sweep.records.items() if record.get("stages")}
    arms = dict(zip(sweep.jobs["job"], sweep.jobs["arm"].fillna("?"), strict=True))
    of_arm: dict[str, tuple[StageProgress, ...]] = {}
    for number, stages in begun.items():
        of_arm.setdefault(arms[number], tuple(StageProgress(s.name, "missing", epochs=s.epochs) for s in stages))
    of_any = next(iter(of_arm.values()), (StageProgress("?", "missing"),))
    jobs = []
    for row in sweep.jobs.to_dict("records"):
        number, status = row["job"], row["status"]
        repeat = tuple(None if pd.isna(row[column]) else int(row[column]) for column in swept)
        stages = begun.get(number) or _expected(of_arm.get(arms[number], of_any), status)
        jobs.append(JobProgress(number, arms[number], repeat, status, stages))
    return jobs


def _expected(stages: tuple[StageProgress, ...], status: str) -> tuple[StageProgress, ...]:
    """Stages of a job that has named none: the first is where the job stands."""
    return (replace(stages[0], state=status), *stages[1:])


def _stages(sweep: Sweep, record: dict[str, Any]) -> tuple[StageProgress, ...]:
    stages, status = [], record["status"]
    for planned in record["stages"]:
        folder = stage_folder(sweep, planned)
        result = planned if record["status"] == "done" else finished(folder)
        facts = {"name": planned["name"], "key": planned["key"], "epochs": planned.get("epochs")}
        if result is not None:
            state = "reused" if planned.get("reused") else "done"
            epoch = result.get("epochs") or 0
            stages.append(StageProgress(**facts, state=state, epoch=epoch, seconds=result.get("seconds")))
        else:
            epoch, pace = _epochs(folder / HISTORY)
            stages.append(StageProgress(**facts, state=status, epoch=epoch, pace=pace))
            status = "missing"  # the stages after this one
    if status in ("failed", "interrupted"):  # after the training of its last stage
        stages[-1] = replace(stages[-1], state=status)
    return tuple(stages)


def _epochs(history: Path) -> tuple[int, float | None]:
    """Number of epochs in a history, and the mean seconds of one."""
    if not history.is_file():
        return 0, None
    epochs = pd.read_csv(history, usecols=["epoch", "seconds"]).drop_duplicates("epoch")
    return len(epochs), float(epochs["seconds"].mean()) if len(epochs) else None


def seconds_left(jobs: Sequence[JobProgress]) -> float | None:
    """Estimate the seconds until all jobs are done, None while no stage is over.

    A stage that has begun needs its epochs at the pace of those it has, any other the mean time of the stages of its
    name. What several jobs need counts once. Failed jobs count only while nothing runs, as only then the next start
    tries them again. Jobs that run side by side share the work evenly.
    """
    running = sum(job.status == "running" for job in jobs)
    left = [job for job in jobs if job.status != "done" and (job.status != "failed" or not running)]
    typical, pace, shared = _typical(jobs), _pace(jobs), _shared(jobs)
    if left and pace is None:
        return None
    begun = {(s.name, job.repeat) for job in jobs for s in job.stages if s.key and (job in left or s.state in OVER)}
    costs: dict[object, float] = {}
    for job in left:
        for stage in job.stages:
            once, alone = (stage.name, job.repeat), (stage.name, job.number)
            counted = stage.key is None and stage.name in shared and once in begun
            if stage.state not in OVER and not counted:
                otherwise = typical.get(stage.name, (stage.epochs or 0) * (pace or 0))
                costs[stage.key or (once if stage.name in shared else alone)] = _rest(stage, otherwise)
    return sum(costs.values()) / max(1, running)


def _rest(stage: StageProgress, typical: float) -> float:
    """Seconds that a stage still takes, ``typical`` being those of a whole one like it."""
    if stage.seconds is not None:  # trained; what failed came later
        return 0.0
    if stage.pace is not None and stage.epochs is not None:
        return stage.pace * max(0, stage.epochs - stage.epoch)
    return typical


def _typical(jobs: Sequence[JobProgress]) -> dict[str, float]:
    """Mean seconds of the stages of each name: trained in this sweep, else found done, else at the pace they go."""
    seconds: dict[str, dict[str, dict[str | None, float]]] = {}  # by name, by state, by key
    for stage in (stage for job in jobs for stage in job.stages):
        if stage.seconds is not None:
            seconds.setdefault(stage.name, {}).setdefault(stage.state, {})[stage.key] = stage.seconds
        elif stage.pace is not None and stage.epochs is not None:
            seconds.setdefault(stage.name, {}).setdefault("begun", {})[stage.key] = stage.pace * stage.epochs
    chosen = {name: next(each[s] for s in (*OVER, *each) if s in each) for name, each in seconds.items()}
    return {name: sum(each.values()) / len(each) for name, each in chosen.items()}


def _pace(jobs: Sequence[JobProgress]) -> float | None:
    """Mean seconds of an epoch of the stages that are over, whatever their name; None if none is."""
    over = [stage for job in jobs for stage in job.stages if stage.seconds is not None]
    return sum(stage.seconds or 0 for stage in over) / max(1, sum(stage.epoch for stage in over)) if over else None


def _shared(jobs: Sequence[JobProgress]) -> set[str]:
    """Names of the stages that several arms have in common: those with a key that occurs in more than one arm."""
    arms: dict[tuple[str, str | None], set[str]] = {}
    for job in jobs:
        for stage in job.stages:
            arms.setdefault((stage.name, stage.key), set()).add(job.arm)
    return {name for (name, key), sharing in arms.items() if key is not None and len(sharing) > 1}
