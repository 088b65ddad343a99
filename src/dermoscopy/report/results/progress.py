"""Progress of each stage of each job of a sweep, and the estimated time left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dermoscopy.runs.records import JobRecord, StageRecord
from dermoscopy.runs.stage_results import StageResults
from dermoscopy.runs.tables import JobResults, SweepResults

OVER = ("done", "reused")


@dataclass(frozen=True)
class StageProgress:
    """Progress of a stage of a job.

    Attributes:
        state: done, reused (trained before, by another job or sweep), running, failed, interrupted or missing.
        key: of the stage, None while its job has not begun.
        epochs, epoch: planned number of epochs, None if unknown, and number of finished epochs.
        seconds: duration of its training, None while it is not finished.
        pace: seconds per epoch so far, in the first epoch estimated from its first batches; None before them.
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
    """Progress of a job; `repeat` holds its seed and fold if they are swept, None if unknown."""

    number: int
    arm: str
    repeat: tuple[int | None, ...]
    status: str
    stages: tuple[StageProgress, ...]


def read_progress(sweep: SweepResults) -> list[JobProgress]:
    """Return the progress of every job; one that has not begun gets the stages of its arm or else of any other job."""
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
    """Return the seed and the fold of a job, each if it is swept."""
    seed = (record["seed"],) if "seed" in axes else ()
    fold = (record["fold"],) if "split.fold" in axes else ()
    return (*seed, *fold)


def _expected(stages: tuple[StageProgress, ...], status: str) -> tuple[StageProgress, ...]:
    """Return the stages of a job without recorded stages: the first has the state of the job."""
    return (replace(stages[0], state=status), *stages[1:])


def _stages(job: JobResults) -> tuple[StageProgress, ...]:
    stages, status = [], job.record["status"]
    for planned, results in zip(job.record["stages"], job.stages, strict=True):
        stage = _finished(planned, results, status)
        if stage is None:
            stages.append(_unfinished(planned, results, status))
            status = "missing"  # the stages after this one
        else:
            stages.append(stage)
    if status in ("failed", "interrupted"):  # after the training of its last stage
        stages[-1] = replace(stages[-1], state=status)
    return tuple(stages)


def _finished(planned: StageRecord, results: StageResults, status: str) -> StageProgress | None:
    """Return the progress of a finished stage, None if it is not finished.

    The numbers come from the record of the job if it is done, else from the stage's own result.
    """
    result = planned if status == "done" else results.result
    if result is None:
        return None
    state = "reused" if planned.get("reused") else "done"
    name, key, epochs = planned["name"], planned["key"], planned["epochs"]
    return StageProgress(name, state, key, epochs, epoch=result["epochs"], seconds=result["seconds"])


def _unfinished(planned: StageRecord, results: StageResults, state: str) -> StageProgress:
    """Return the progress of an unfinished stage, with its finished epochs and their mean seconds."""
    history = results.history
    epochs = history if history.empty else history.drop_duplicates("epoch")
    pace = results.pace if epochs.empty else float(epochs["seconds"].mean())
    return StageProgress(planned["name"], state, planned["key"], planned["epochs"], epoch=len(epochs), pace=pace)


def seconds_left(jobs: Sequence[JobProgress], processes: int | None = None) -> float | None:
    """Estimate the seconds until all jobs are done; return None before the first batches of any stage.

    A stage that has begun needs its remaining epochs at its pace so far, any other stage the mean time of the stages
    with its name. A stage that several jobs share counts once. Failed jobs count only while no job runs, as they are
    repeated by the next start. Jobs that run in parallel share the work evenly, but none ends before its own stages.

    Args:
        jobs: of a sweep.
        processes: number of jobs at a time; None: as many as run now.
    """
    costs = _costs(jobs)
    if costs is None:
        return None
    running = sum(job.status == "running" for job in jobs)
    works = {place: seconds for work in costs.values() for place, seconds in work.items()}
    alone = max((sum(work.values()) for work in costs.values()), default=0.0)
    return max(alone, sum(works.values()) / max(1, running, min(processes or 1, len(costs))))


def run_seconds_left(jobs: Sequence[JobProgress], number: int) -> float | None:
    """Estimate the seconds until one job is done, see `seconds_left`."""
    costs = _costs(jobs)
    return None if costs is None else sum(costs.get(number, {}).values())


def _costs(jobs: Sequence[JobProgress]) -> dict[int, dict[object, float]] | None:
    """Return the seconds of each stage that is left, by job, then by stage; None before the first batches of any.

    A stage that jobs share has the same name in each; one that another job has begun is left to that job.
    """
    running = any(job.status == "running" for job in jobs)
    left = [job for job in jobs if job.status != "done" and (job.status != "failed" or not running)]
    typical, pace, shared = _typical(jobs), _pace(jobs), _shared(jobs)
    if left and pace is None:
        return None
    begun = {(s.name, job.repeat) for job in jobs for s in job.stages if s.key and (job in left or s.state in OVER)}
    costs: dict[int, dict[object, float]] = {}
    for job in left:
        work = costs.setdefault(job.number, {})
        for stage in job.stages:
            once, alone = (stage.name, job.repeat), (stage.name, job.number)
            counted = stage.key is None and stage.name in shared and once in begun
            if stage.state not in OVER and not counted:
                otherwise = typical.get(stage.name, (stage.epochs or 0) * (pace or 0))
                work[stage.key or (once if stage.name in shared else alone)] = _rest(stage, otherwise)
    return costs


def _rest(stage: StageProgress, typical: float) -> float:
    """Return the seconds that a stage still takes; `typical` is the time of a whole stage of its name."""
    if stage.seconds is not None:  # trained; the failure came later
        return 0.0
    if stage.pace is not None and stage.epochs is not None:
        return stage.pace * max(0, stage.epochs - stage.epoch)
    return typical


def _typical(jobs: Sequence[JobProgress]) -> dict[str, float]:
    """Return the mean seconds of the stages of each name.

    Stages trained in this sweep count first, else reused stages, else unfinished stages at their pace.
    """
    seconds: dict[str, dict[str, dict[str | None, float]]] = {}  # by name, by state, by key
    for stage in (stage for job in jobs for stage in job.stages):
        if stage.seconds is not None:
            seconds.setdefault(stage.name, {}).setdefault(stage.state, {})[stage.key] = stage.seconds
        elif stage.pace is not None and stage.epochs is not None:
            seconds.setdefault(stage.name, {}).setdefault("begun", {})[stage.key] = stage.pace * stage.epochs
    chosen = {name: next(states[s] for s in (*OVER, *states) if s in states) for name, states in seconds.items()}
    return {name: sum(stages.values()) / len(stages) for name, stages in chosen.items()}


def _pace(jobs: Sequence[JobProgress]) -> float | None:
    """Return the mean seconds per epoch of all finished stages, else of those that have begun; None without any."""
    stages = {stage.key: stage for job in jobs for stage in job.stages}.values()
    if over := [stage for stage in stages if stage.seconds is not None]:
        return sum(stage.seconds or 0 for stage in over) / max(1, sum(stage.epoch for stage in over))
    begun = [stage.pace for stage in stages if stage.pace is not None]
    return sum(begun) / len(begun) if begun else None


def _shared(jobs: Sequence[JobProgress]) -> set[str]:
    """Return the names of stages that arms share: those with a key that occurs in more than one arm."""
    arms: dict[tuple[str, str | None], set[str]] = {}
    for job in jobs:
        for stage in job.stages:
            arms.setdefault((stage.name, stage.key), set()).add(job.arm)
    return {name for (name, key), sharing in arms.items() if key is not None and len(sharing) > 1}
