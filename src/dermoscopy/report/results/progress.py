"""How far each stage of each job of a sweep is, and how long the rest will take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dermoscopy.runs.records import JobRecord, StageRecord
from dermoscopy.runs.stage_results import StageResults
from dermoscopy.runs.tables import JobResults, SweepResults

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
    """How far a job is; `repeat` holds its seed and fold as far as they are swept, None if unknown."""

    number: int
    arm: str
    repeat: tuple[int | None, ...]
    status: str
    stages: tuple[StageProgress, ...]


def read_progress(sweep: SweepResults) -> list[JobProgress]:
    """Return how far every job is; one that has not begun gets the stages of its arm, or else of any other job."""
    begun = {job.number: _stages(job) for job in sweep.jobs if job.stages}
    of_arm: dict[str, tuple[StageProgress, ...]] = {}
    for number, stages in begun.items():
        expected = tuple(StageProgress(stage.name, "missing", epochs=stage.epochs) for stage in stages)
        of_arm.setdefault(sweep.jobs[number].arm, expected)
    of_any = next(iter(of_arm.values()), (StageProgress("?", "missing"),))
    jobs = []
    for job in sweep.jobs:
        status = job.record["status"]
        stages = begun.get(job.number) or _expected(of_arm.get(job.arm, of_any), status)
        jobs.append(JobProgress(job.number, job.arm, _repeat(job.record, sweep.axes), status, stages))
    return jobs


def _repeat(record: JobRecord, axes: Sequence[str]) -> tuple[int | None, ...]:
    """The seed and the fold of a job, as far as they are swept."""
    seed = (record["seed"],) if "seed" in axes else ()
    fold = (record["fold"],) if "split.fold" in axes else ()
    return (*seed, *fold)


def _expected(stages: tuple[StageProgress, ...], status: str) -> tuple[StageProgress, ...]:
    """Stages of a job that has named none: the first is where the job stands."""
    return (replace(stages[0], state=status), *stages[1:])


def _stages(job: JobResults) -> tuple[StageProgress, ...]:
    stages, status = [], job.record["status"]
    for planned, left in zip(job.record["stages"], job.stages, strict=True):
        stage = _over(planned, left, status)
        if stage is None:
            stages.append(_not_over(planned, left, status))
            status = "missing"  # the stages after this one
        else:
            stages.append(stage)
    if status in ("failed", "interrupted"):  # after the training of its last stage
        stages[-1] = replace(stages[-1], state=status)
    return tuple(stages)


def _over(planned: StageRecord, left: StageResults, status: str) -> StageProgress | None:
    """A stage that is over; of a job that is done its record says so, of any other the stage's own result."""
    result = planned if status == "done" else left.result
    if result is None:
        return None
    state = "reused" if planned.get("reused") else "done"
    name, key, epochs = planned["name"], planned["key"], planned["epochs"]
    return StageProgress(name, state, key, epochs, epoch=result["epochs"], seconds=result["seconds"])


def _not_over(planned: StageRecord, left: StageResults, state: str) -> StageProgress:
    """A stage that is not over, with its epochs so far and the mean seconds of one."""
    history = left.history
    epochs = history if history.empty else history.drop_duplicates("epoch")
    pace = None if epochs.empty else float(epochs["seconds"].mean())
    return StageProgress(planned["name"], state, planned["key"], planned["epochs"], epoch=len(epochs), pace=pace)


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
    """Seconds that a stage still takes, `typical` being those of a whole one like it."""
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
