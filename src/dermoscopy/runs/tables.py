"""What a sweep left on disk, read into tables.

A sweep is `runs/<experiment>/sweeps/<stamp>/`: `sweep.json` and one numbered folder a job with its `job.json`. A job
names the folders of its stages, `runs/<experiment>/<key>/`. Jobs that failed, still run, or never wrote a line keep
their row in every table that counts jobs.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from dermoscopy.runs.records import JOB, read_job

NOT_AN_ARM = ("seed", "split.fold")  # axes that repeat an arm
HISTORY = ("job", "arm", "seed", "fold", "stage", "epoch", "cumulative", "mode")


@dataclass(frozen=True)
class Sweep:
    """One sweep: its description, the record of each job by number, and a table with one row a job.

    Attributes:
        folder: `runs/<experiment>/sweeps/<stamp>`.
        axes: names of what was swept.
        started, resumed: times of the first and of the latest start, "" where not recorded.
        records: content of each `job.json`; a job without one has only `status`, `error` and what was planned of it.
        jobs: columns job, status, error, arm, seed, fold, repeat, seconds, then one column a metric.
    """

    folder: Path
    experiment: str
    command: str
    axes: tuple[str, ...]
    started: str
    resumed: str
    records: dict[int, dict[str, Any]]
    jobs: pd.DataFrame


def arm_name(axes: Mapping[str, str], experiment: str) -> str:
    """Name of an arm: its axes without those that only repeat it, or the experiment where there are no others."""
    return ", ".join(f"{axis}={value}" for axis, value in axes.items() if axis not in NOT_AN_ARM) or experiment


def experiments(runs: Path) -> list[str]:
    """Names of the experiments that have a sweep."""
    return sorted({file.parents[2].name for file in runs.glob("*/sweeps/*/sweep.json")})


def find_sweep(runs: Path, experiment: str, sweep: str = "latest") -> Path:
    """Folder of a sweep, by name or the latest one.

    Raises:
        FileNotFoundError: no such experiment or sweep; the message lists those there are.
    """
    if experiment not in experiments(runs):
        there_are = ", ".join(experiments(runs)) or "none"
        raise FileNotFoundError(f"no sweep of experiment {experiment!r} in {runs}; there are: {there_are}")
    stamps = sorted(file.parent.name for file in (runs / experiment / "sweeps").glob("*/sweep.json"))
    if sweep not in ("latest", *stamps):
        raise FileNotFoundError(f"no sweep {sweep!r} in {runs / experiment / 'sweeps'}; there are: {', '.join(stamps)}")
    return runs / experiment / "sweeps" / (stamps[-1] if sweep == "latest" else sweep)


def load_sweep(folder: Path) -> Sweep:
    """Read a sweep and every job of it, whatever state the jobs are in.

    A job that says it runs while nobody holds its folder was killed: its status is interrupted.

    Raises:
        FileNotFoundError: the folder holds no sweep.json.
    """
    if not (folder / "sweep.json").is_file():
        raise FileNotFoundError(f"{folder / 'sweep.json'} is missing: this folder is not a sweep")
    head = json.loads((folder / "sweep.json").read_text())
    experiment, plan = head["experiment"], dict(enumerate(head.get("plan") or []))
    found = {int(job.name) for job in folder.iterdir() if job.is_dir() and job.name.isdigit()}
    numbers = sorted(found | set(plan) | set(range(head.get("jobs") or 0)))
    records = {number: _read_record(folder / str(number), plan.get(number), experiment) for number in numbers}
    rows = [_job_row(number, record, experiment) for number, record in records.items()]
    columns = ["job", "status", "error", "arm", "seed", "fold", "repeat", "seconds"]
    jobs = pd.DataFrame(rows, columns=list(dict.fromkeys([*columns, *(key for row in rows for key in row)])))
    jobs = jobs.astype({"seed": "Int64", "fold": "Int64"})
    texts = {name: head.get(name) or "" for name in ("command", "started", "resumed")}
    return Sweep(folder, experiment, axes=tuple(head.get("axes") or ()), **texts, records=records, jobs=jobs)


def _read_record(job: Path, planned: Mapping[str, str] | None, experiment: str) -> dict[str, Any]:
    file = job / JOB
    known = {} if planned is None else _planned(planned, experiment)
    if not file.is_file():
        return known | {"status": "missing", "error": f"no {job.name}/{file.name}"}
    try:
        return {**read_job(job)}
    except ValueError as error:  # somebody has damaged it
        return known | {"status": "unreadable", "error": f"{job.name}/{file.name}: {error.__cause__}"}


def _planned(axes: Mapping[str, str], experiment: str) -> dict[str, Any]:
    """What is known of a job before it starts; its seed and fold only if they are swept."""
    seed, fold = (int(axes[axis]) if axes.get(axis, "").isdigit() else None for axis in NOT_AN_ARM)
    return {"arm": arm_name(axes, experiment), "seed": seed, "fold": fold}


def _job_row(number: int, record: dict[str, Any], experiment: str) -> dict[str, Any]:
    row = {name: record.get(name) for name in ("status", "error", "arm", "seed", "fold", "seconds")}
    if "arm" in record:
        row["arm"] = record["arm"] or experiment  # nothing but seeds or folds was swept
    if row["seed"] is not None:
        row["repeat"] = f"seed {row['seed']}" + ("" if row["fold"] is None else f" fold {row['fold']}")
    metrics = {name: float("nan") if value is None else value for name, value in (record.get("metrics") or {}).items()}
    return {"job": number, **row, **metrics}


def stage_folder(sweep: Sweep, stage: dict[str, Any]) -> Path:
    """Folder of a stage, found from the sweep's own place so that a moved or copied `runs/` can still be read."""
    return sweep.folder.parents[2].joinpath(*Path(stage["folder"]).parts[-2:])


def last_stage(sweep: Sweep, job: int) -> Path | None:
    """Folder of the last stage of a job, None if it has named none."""
    stages = sweep.records[job].get("stages") or []
    return stage_folder(sweep, stages[-1]) if stages else None


def history(sweep: Sweep) -> pd.DataFrame:
    """History of all jobs: one row an epoch and mode; `cumulative` counts epochs from 1 through all stages of a job."""
    parts = [part for number in sweep.records for part in _job_history(sweep, number)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(HISTORY))


def _job_history(sweep: Sweep, number: int) -> Iterator[pd.DataFrame]:
    job = sweep.jobs.set_index("job").loc[number]
    before = 0  # epochs of the stages before
    for stage in sweep.records[number].get("stages") or []:
        file = stage_folder(sweep, stage) / "history.csv"
        table = pd.read_csv(file) if file.is_file() else pd.DataFrame()
        if table.empty:
            continue
        cumulative = before + 1 + table["epoch"] - table["epoch"].min()
        facts = {"job": number, "arm": job["arm"], "seed": job["seed"], "fold": job["fold"], "cumulative": cumulative}
        own = table.copy().assign(**facts)  # copied: reading leaves a column a block, of which pandas warns
        own = own.astype({"seed": "Int64", "fold": "Int64"})
        yield own[[*HISTORY, *(name for name in table.columns if name not in HISTORY)]]
        before = int(cumulative.max())


def predictions(sweep: Sweep, job: int) -> pd.DataFrame | None:
    """Predictions of a job on its test images, or None where its last stage left none."""
    folder = last_stage(sweep, job)
    file = folder / "predictions.csv" if folder else None
    if file is None or not file.is_file():
        return None
    words = {"id": str, "group": str}
    return pd.read_csv(file, dtype=words, keep_default_na=False, na_values=[""])  # an image may well be called NA


def configuration(sweep: Sweep, job: int) -> dict[str, Any]:
    """Configuration of the last stage of a job, empty where it left none."""
    folder = last_stage(sweep, job)
    file = folder / "config.yaml" if folder else None
    return _parsed(file.read_text()) if file and file.is_file() else {}


def monitored_metric(sweep: Sweep) -> str:
    """What chose the epoch of the first done job, without `val/`; empty where no record says it."""
    for job in sweep.jobs.loc[sweep.jobs["status"] == "done", "job"]:
        return str((configuration(sweep, job).get("monitor") or {}).get("metric", "")).removeprefix("val/")
    return ""


@cache
def _parsed(text: str) -> dict[str, Any]:
    """YAML takes 30 ms a file, and several sections ask for the same."""
    return yaml.safe_load(text) or {}


def exclusive_labels(sweep: Sweep, job: int) -> bool:
    """Whether an image has at most one of the labels that a job has learnt."""
    return bool(configuration(sweep, job).get("exclusive_labels"))


def own_availability(sweep: Sweep, job: int) -> str:
    """What masks the validation of a job was given, model.monitored; none in records of before there was a choice."""
    return str((configuration(sweep, job).get("model") or {}).get("monitored", "none"))


def segments(jobs: pd.DataFrame) -> bool:
    """Whether a sweep has segmented, and not told labels as well."""
    tested = {name.split("/", 2)[-1] for name in jobs.columns if name.startswith("test/")}
    return "dice" in tested and "average_precision" not in tested


def kept_views(sweep: Sweep, job: int) -> str | None:
    """How the test images were shown whose scores and masks a job left: the last of its views; None if not recorded."""
    views = (configuration(sweep, job).get("model") or {}).get("views")
    return views[-1] if views else None


def all_kept_views(sweep: Sweep) -> str:
    """The views whose scores the done jobs have left, as a text; usually it is one for all."""
    done = sweep.jobs.loc[sweep.jobs["status"] == "done", "job"]
    return ", ".join(dict.fromkeys(kept_views(sweep, job) or "not recorded" for job in done))
