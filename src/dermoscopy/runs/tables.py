"""A sweep read from disk: its plan, the record of every job, and the results of the jobs' stages.

A sweep is `runs/<experiment>/sweeps/<stamp>/`: `sweep.json` and one numbered folder per job with its `job.json`. A job
refers to the folders of its stages, `runs/<experiment>/<key>/`. Jobs that failed, still run, or have not begun have a
row as well in every table of jobs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from dermoscopy.runs.files import JOB, SWEEP
from dermoscopy.runs.records import JobRecord, StageRecord, read_job, read_sweep
from dermoscopy.runs.stage_results import StageResults

NOT_AN_ARM = ("seed", "split.fold")  # axes that repeat an arm
COLUMNS = ("job", "status", "error", "arm", "seed", "fold", "repeat", "seconds")
HISTORY_COLUMNS = ("job", "arm", "seed", "fold", "stage", "epoch", "cumulative", "mode")
Metadata = tuple[pd.DataFrame | None, str]  # texts by id of the image, and why some are unknown
UNDEFINED = float("nan")
Constants = tuple[Mapping[tuple[str, str], pd.DataFrame], str]  # pixels by arm and repeat, and why some are unknown


@dataclass(frozen=True)
class JobResults:
    """A job of a sweep.

    Attributes:
        number: its index in the plan and the name of its folder.
        record: content of `job.json`; without that file `status`, `error` and the planned entries.
        stages: results of its recorded stages, in order; jobs that share a stage share the object.
    """

    number: int
    record: JobRecord
    stages: tuple[StageResults, ...]

    @property
    def arm(self) -> str:
        """Arm of the job."""
        return self.record["arm"]

    @property
    def repeat(self) -> str | None:
        """Its seed and, if it has one, its fold, as text; None while the seed is unknown."""
        seed, fold = self.record["seed"], self.record["fold"]
        if seed is None:
            return None
        return f"seed {seed}" + ("" if fold is None else f" fold {fold}")

    @property
    def name(self) -> str:
        """Its arm and, if known, its repeat."""
        return self.arm if self.repeat is None else f"{self.arm}, {self.repeat}"

    @property
    def last(self) -> StageResults:
        """Its last stage, which is tested; every job that is done has one."""
        return self.stages[-1]


@dataclass(frozen=True)
class SweepResults:
    """A sweep, read once for all parts of a report.

    Attributes:
        folder: `runs/<experiment>/sweeps/<stamp>`.
        axes: keys that are swept.
        about: question, command, cost, expectation and primary_metric of the experiment; empty without one.
        started, resumed: times of the first and of the latest start.
        jobs: all planned jobs.
        processes: number of jobs at a time since its latest start; None: the launcher knows.
        table: one row per job, columns job, status, error, arm, seed, fold, repeat, seconds, then one per metric.
        constants: what is known of constant masks without the store; the rest comes from there, see
            `dermoscopy.report.results.constant_masks`.
        metadata: what is known of the metadata of test images without the store, see
            `dermoscopy.report.results.metadata`.
        remarks: what a reader must know of several sweeps that were made one, see `dermoscopy.report.results.merged`.
    """

    folder: Path
    experiment: str
    command: str
    axes: tuple[str, ...]
    about: Mapping[str, str]
    started: str
    resumed: str
    jobs: tuple[JobResults, ...]
    processes: int | None
    table: pd.DataFrame
    remarks: tuple[str, ...] = ()
    constants: Constants = ({}, "")
    metadata: Metadata = (None, "")

    @property
    def done(self) -> list[JobResults]:
        """The jobs that are done."""
        return [job for job in self.jobs if job.record["status"] == "done"]

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per job, epoch and mode; `cumulative` counts epochs from 1 through all stages of a job."""
        parts = [part for job in self.jobs for part in _job_history(job)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(HISTORY_COLUMNS))


def arm_name(axes: Mapping[str, str], experiment: str) -> str:
    """Return the name of an arm: its axes except seed and fold, or the experiment if there are no other axes."""
    return ", ".join(f"{axis}={value}" for axis, value in axes.items() if axis not in NOT_AN_ARM) or experiment


def experiments(runs: Path) -> list[str]:
    """Return the names of the experiments that have a sweep."""
    return sorted({file.parents[2].name for file in runs.glob(f"*/sweeps/*/{SWEEP}")})


def find_sweep(runs: Path, experiment: str | None, sweep: str = "latest") -> Path:
    """Return the folder of a sweep, by name or the latest one.

    Raises:
        ValueError: no experiment is named.
        FileNotFoundError: no such experiment or sweep; the message lists the available ones.
    """
    available, place = ", ".join(experiments(runs)) or "none yet", runs.resolve()
    if experiment is None:
        raise ValueError(f"experiment is missing: python report.py experiment=NAME; in {place} there are: {available}")
    if experiment not in experiments(runs):
        raise FileNotFoundError(f"no sweep of experiment {experiment!r} in {place}; there are: {available}")
    sweeps = runs / experiment / "sweeps"
    stamps = sorted(file.parent.name for file in sweeps.glob(f"*/{SWEEP}"))
    if sweep not in ("latest", *stamps):
        raise FileNotFoundError(f"no sweep {sweep!r} in {sweeps.resolve()}; there are: {', '.join(stamps)}")
    return sweeps / (stamps[-1] if sweep == "latest" else sweep)


def load_sweep(folder: Path) -> SweepResults:
    """Read a sweep and the records of all its jobs, whatever their state.

    A job recorded as running whose folder no process holds was killed; its status is interrupted.

    Raises:
        FileNotFoundError: the folder holds no sweep.json.
    """
    if not (folder / SWEEP).is_file():
        raise FileNotFoundError(f"{folder / SWEEP} is missing: this folder is not a sweep")
    sweep = read_sweep(folder)
    stages: dict[Path, StageResults] = {}
    jobs = []
    for number, planned in enumerate(sweep["plan"]):
        record = _read_record(folder / str(number), planned, sweep["experiment"])
        places = [_stage_folder(folder, stage) for stage in record.get("stages", [])]
        jobs.append(
            JobResults(number, record, tuple(stages.setdefault(place, StageResults(place)) for place in places))
        )
    return SweepResults(
        folder,
        sweep["experiment"],
        sweep["command"],
        tuple(sweep["axes"]),
        sweep.get("about", {}),
        sweep["started"],
        sweep["resumed"],
        tuple(jobs),
        sweep.get("processes"),
        job_table(jobs),
    )


def _read_record(folder: Path, axes: dict[str, str], experiment: str) -> JobRecord:
    if not (folder / JOB).is_file():
        return _planned(axes, experiment, "missing", f"no {folder.name}/{JOB}")
    try:
        return read_job(folder)
    except ValueError as error:  # the file is damaged
        return _planned(axes, experiment, "unreadable", f"{folder.name}/{JOB}: {error.__cause__}")


def _planned(axes: dict[str, str], experiment: str, status: str, error: str) -> JobRecord:
    """Return the record of a job from the plan alone; its seed and fold are known only if they are swept."""
    seed, fold = (int(axes[axis]) if axes.get(axis, "").isdigit() else None for axis in NOT_AN_ARM)
    return {
        "experiment": experiment,
        "arm": arm_name(axes, experiment),
        "axes": axes,
        "seed": seed,
        "fold": fold,
        "status": status,
        "error": error,
    }


def _stage_folder(sweep: Path, stage: StageRecord) -> Path:
    """Return the folder of a stage relative to that of the sweep, so that a moved or copied `runs/` can be read."""
    return sweep.parents[2].joinpath(*Path(stage["folder"]).parts[-2:])


def job_table(jobs: Sequence[JobResults]) -> pd.DataFrame:
    """Return the table of jobs, see `SweepResults`."""
    rows = [_job_row(job) for job in jobs]
    columns = dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)])
    return pd.DataFrame(rows, columns=list(columns)).astype({"seed": "Int64", "fold": "Int64"})


def _job_row(job: JobResults) -> dict[str, object]:
    record = job.record
    row: dict[str, object] = {
        "job": job.number,
        "status": record["status"],
        "error": record["error"],
        "arm": job.arm,
        "seed": record["seed"],
        "fold": record["fold"],
        "repeat": job.repeat,
        "seconds": record.get("seconds"),
    }
    metrics = record.get("metrics", {}).items()
    return row | {name: UNDEFINED if value is None else value for name, value in metrics}


def _job_history(job: JobResults) -> Iterator[pd.DataFrame]:
    before = 0  # epochs of the earlier stages
    for stage in job.stages:
        table = stage.history
        if table.empty:
            continue
        cumulative = before + 1 + table["epoch"] - table["epoch"].min()
        own = table.copy()  # reading leaves one memory block per column, to which adding columns is slow
        own = own.assign(job=job.number, arm=job.arm, seed=job.record["seed"], fold=job.record["fold"])
        own = own.assign(cumulative=cumulative).astype({"seed": "Int64", "fold": "Int64"})
        yield own[[*HISTORY_COLUMNS, *(name for name in table.columns if name not in HISTORY_COLUMNS)]]
        before = int(cumulative.max())
