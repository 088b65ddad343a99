"""What a sweep left on disk, read into tables.

A sweep is `runs/<experiment>/sweeps/<stamp>/`: `sweep.json` and one numbered folder a job with its `job.json`. A job
names the folders of its stages, `runs/<experiment>/<key>/`. Jobs that failed, still run, or never wrote a line keep
their row in every table that counts jobs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from dermoscopy.files import write_atomically

HEADLINES = ("f1", "average_precision", "dice", "iou")
AVAILABILITIES = ("none", "given")
ABBREVIATIONS = {"average_precision": "AP", "f1": "F1", "dice": "Dice", "iou": "IoU"}  # in the terminal
HISTORY = ("job", "arm", "seed", "fold", "stage", "epoch", "cumulative", "mode")


@dataclass(frozen=True)
class Sweep:
    """One sweep: its description, the record of each job by number, and a table with one row a job.

    Attributes:
        folder: `runs/<experiment>/sweeps/<stamp>`.
        records: content of each `job.json`; a job without one has only `status` and `error`.
        jobs: columns job, status, error, arm, seed, fold, repeat, seconds, then one column a metric.
    """

    folder: Path
    experiment: str
    command: str
    started: str
    records: dict[int, dict[str, Any]]
    jobs: pd.DataFrame


def find_sweep(runs: Path, experiment: str, sweep: str = "latest") -> Path:
    """Folder of a sweep, by name or the latest one.

    Raises:
        FileNotFoundError: no such experiment or sweep; the message lists those there are.
    """
    experiments = sorted(folder.parent.name for folder in runs.glob("*/sweeps"))
    if experiment not in experiments:
        there_are = ", ".join(experiments) or "none"
        raise FileNotFoundError(f"no sweep of experiment {experiment!r} in {runs}; there are: {there_are}")
    stamps = sorted(file.parent.name for file in (runs / experiment / "sweeps").glob("*/sweep.json"))
    if not stamps or sweep not in ("latest", *stamps):
        there_are = ", ".join(stamps) or "none"
        raise FileNotFoundError(f"no sweep {sweep!r} in {runs / experiment / 'sweeps'}; there are: {there_are}")
    return runs / experiment / "sweeps" / (stamps[-1] if sweep == "latest" else sweep)


def load_sweep(folder: Path) -> Sweep:
    """Read a sweep and every job of it, whatever state the jobs are in.

    Raises:
        FileNotFoundError: the folder holds no sweep.json.
    """
    if not (folder / "sweep.json").is_file():
        raise FileNotFoundError(f"{folder / 'sweep.json'} is missing: this folder is not a sweep")
    head = json.loads((folder / "sweep.json").read_text())
    found = {int(job.name) for job in folder.iterdir() if job.is_dir() and job.name.isdigit()}
    numbers = sorted(found | set(range(head.get("jobs") or 0)))
    records = {number: _read_record(folder / str(number) / "job.json") for number in numbers}
    rows = [_job_row(number, record, head["experiment"]) for number, record in records.items()]
    columns = ["job", "status", "error", "arm", "seed", "fold", "repeat", "seconds"]
    jobs = pd.DataFrame(rows, columns=list(dict.fromkeys([*columns, *(key for row in rows for key in row)])))
    jobs = jobs.astype({"seed": "Int64", "fold": "Int64"})
    command, started = head.get("command") or "", head.get("started") or ""
    return Sweep(folder, head["experiment"], command, started, records, jobs)


def _read_record(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {"status": "missing", "error": f"no {file.parent.name}/{file.name}"}
    try:
        record: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:  # a job that was killed while it wrote
        return {"status": "unreadable", "error": f"{file.parent.name}/{file.name}: {error}"}
    return record


def _job_row(number: int, record: dict[str, Any], experiment: str) -> dict[str, Any]:
    row = {name: record.get(name) for name in ("status", "error", "arm", "seed", "fold", "seconds")}
    if "arm" in record:
        row["arm"] = record["arm"] or experiment  # nothing but seeds or folds was swept
        fold = "" if row["fold"] is None else f" fold {row['fold']}"
        row["repeat"] = f"seed {row['seed']}{fold}"
    metrics = {name: float("nan") if value is None else value for name, value in (record.get("metrics") or {}).items()}
    return {"job": number, **row, **metrics}


def stage_folder(sweep: Sweep, stage: dict[str, Any]) -> Path:
    """Folder of a stage, found from the sweep's own place so that a moved or copied `runs/` can still be read."""
    return sweep.folder.parents[2].joinpath(*Path(stage["folder"]).parts[-2:])


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
        own = table.assign(job=number, arm=job["arm"], seed=job["seed"], fold=job["fold"], cumulative=cumulative)
        own = own.astype({"seed": "Int64", "fold": "Int64"})
        yield own[[*HISTORY, *(name for name in table.columns if name not in HISTORY)]]
        before = int(cumulative.max())


def predictions(sweep: Sweep, job: int) -> pd.DataFrame | None:
    """Predictions of a job on its test images, or None where its last stage left none."""
    stages = sweep.records[job].get("stages") or []
    file = stage_folder(sweep, stages[-1]) / "predictions.csv" if stages else None
    return pd.read_csv(file, dtype={"id": str, "group": str}) if file and file.is_file() else None


def pivot(jobs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Table of a metric, arms x repeats (a seed, or a seed and a fold); NaN where no job is done.

    Raises:
        ValueError: no job has this metric, or two jobs are the same arm and repeat.
    """
    if metric not in jobs.columns:
        there_are = ", ".join(macro_metrics(jobs)) or "none"
        raise ValueError(f"no job has the metric {metric!r}; there are: {there_are}")
    known = jobs[jobs["arm"].notna()]
    done = known[known["status"] == "done"]
    twice = done[done.duplicated(["arm", "repeat"])]
    if len(twice):
        raise ValueError(f"two jobs are {twice['arm'].iloc[0]}, {twice['repeat'].iloc[0]}: give each arm its own axis")
    repeats = known.sort_values(["seed", "fold"], kind="stable")["repeat"].unique()
    table = done.pivot(index="arm", columns="repeat", values=metric)  # noqa: PD010  (pivot_table would average repeats)
    return table.reindex(index=known["arm"].unique(), columns=repeats).astype(float)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation (Bessel) and number of defined repeats of each arm of a pivot."""
    return pd.DataFrame({"mean": table.mean(axis=1), "sd": table.std(axis=1), "n": table.count(axis=1)})


def macro_metrics(jobs: pd.DataFrame) -> list[str]:
    """Columns `test/<availability>/<metric>`, without those of single labels."""
    return [name for name in jobs.columns if name.startswith("test/") and name.count("/") == 2]


def headline_metrics(jobs: pd.DataFrame) -> list[str]:
    """Test metrics to show first, those without masks before those with the true ones."""
    names = [f"test/{availability}/{metric}" for metric in HEADLINES for availability in AVAILABILITIES]
    return [name for name in names if name in jobs.columns]


def short_names(arms: list[str]) -> dict[str, str]:
    """Arms without `axis=` where only one axis was swept."""
    axes = {arm.split("=")[0] for arm in arms}
    alone = len(axes) == 1 and all(arm.count("=") == 1 for arm in arms)
    return {arm: arm.split("=")[1] if alone else arm for arm in arms}


def mean_and_sd(table: pd.DataFrame) -> dict[str, str]:
    """Each arm of a pivot as `0.412 ± 0.010`, without a deviation where there is one repeat, `-` where none."""
    texts = {}
    for arm, mean, sd, n in summarise(table).itertuples():
        texts[str(arm)] = "-" if n == 0 else f"{mean:.3f}" + (f" ± {sd:.3f}" if n > 1 else "")
    return texts


def write_results(sweep_folder: Path) -> list[Path]:
    """Write results.csv (one row an epoch and mode) and table.csv (arms x repeats of the test metrics) of a sweep."""
    sweep = load_sweep(sweep_folder)
    results = write_atomically(sweep_folder / "results.csv", results_table(sweep).to_csv(index=False))
    return [results, write_atomically(sweep_folder / "table.csv", arms_table(sweep.jobs).to_csv(index=False))]


def results_table(sweep: Sweep) -> pd.DataFrame:
    """The history as it is published: who, which stage and epoch, which mode, then the metrics."""
    return history(sweep).drop(columns=["job", "cumulative"])


def arms_table(jobs: pd.DataFrame) -> pd.DataFrame:
    """Every test metric of every arm: its value in each repeat, then mean, sd and n."""
    parts = []
    for metric in macro_metrics(jobs):
        table = pivot(jobs, metric)
        parts.append(table.join(summarise(table)).rename_axis("arm").reset_index().assign(metric=metric))
    if not parts:
        return pd.DataFrame(columns=["metric", "arm", "mean", "sd", "n"])
    whole = pd.concat(parts, ignore_index=True)
    return whole[["metric", *(name for name in whole.columns if name != "metric")]]


def _short_metric(name: str) -> str:
    """Name of a column that fits a terminal: test/none/average_precision is "none AP"."""
    *_, availability, metric = ["", *name.removeprefix("test/").split("/")]
    return f"{availability} {ABBREVIATIONS.get(metric, metric)}".strip()


def print_table(sweep: Sweep, console: Console | None = None) -> None:
    """Print the arms of a sweep as a table for the terminal: mean ± sd over repeats of the headline metrics."""
    counts = ", ".join(f"{number} {status}" for status, number in sweep.jobs["status"].value_counts().items())
    shown = Table(
        show_edge=False,  # so that four metrics fit 80 columns
        title=f"{sweep.experiment}, sweep {sweep.folder.name}",
        caption=f"mean ± sd; AP average precision; jobs: {counts}",
    )
    metrics = headline_metrics(sweep.jobs)
    for name in ["arm", "n", *metrics]:
        shown.add_column(_short_metric(name), justify="left" if name == "arm" else "right")
    values = [mean_and_sd(pivot(sweep.jobs, metric)) for metric in metrics]
    for arm, name in short_names(list(sweep.jobs["arm"].dropna().unique())).items():
        count = ((sweep.jobs["arm"] == arm) & (sweep.jobs["status"] == "done")).sum()
        shown.add_row(name, str(count), *(each[arm] for each in values))
    (console or Console()).print(shown)
