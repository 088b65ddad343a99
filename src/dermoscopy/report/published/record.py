"""What the files of a page hold of its sweep: written from the runs, and read again where these are not.

`record.json` holds the records of the jobs and their settings, `jobs.csv` their metrics, `results.csv` their histories
and `images.csv` their predictions. A page is always made from these files, so it can be made again with the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pandas as pd

from dermoscopy.report.published.images import Images
from dermoscopy.report.published.jobs import jobs_table
from dermoscopy.report.published.settings import changed, changes
from dermoscopy.report.results.arms import results_table
from dermoscopy.report.results.differences import RECIPE, settings_of, without_folders
from dermoscopy.report.results.metadata import METADATA, unpack_metadata
from dermoscopy.runs.records import JobRecord
from dermoscopy.runs.stage_results import Configuration, StageResults
from dermoscopy.runs.tables import JobResults, SweepResults, job_table

RECORD, JOBS, HISTORY, IMAGES = "record.json", "jobs.csv", "results.csv", "images.csv"
VERSION = 2  # of the format of record.json
PRIVATE = ("pid", "host")  # entries of a job's record that say nothing about its result
OF_FILES = ("predicted_masks", "initial_weights")  # those that name files
OF_SWEEP = ("experiment", "command", "axes", "about", "started", "resumed", "remarks")
SIZES = ("parameters", "trainable")
NAMES = dict.fromkeys(("arm", "stage", "mode"), str)  # columns of results.csv that are text, also "64" and "NA"
Record = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """What the user has chosen of a page: the reference arm, the metric, the smallest difference that matters."""

    reference: str | float | None = None
    metric: str | None = None
    meaningful: float | None = None


def pack_record(sweep: SweepResults, choice: Choice, command: str, images_left_out: str) -> Record:
    """Return the content of record.json.

    Args:
        sweep: the sweep of a page.
        choice: what the user has chosen.
        command: that writes the page.
        images_left_out: why images.csv has less than the page needs, "" if it has all.
    """
    base: dict[str, object] = {}
    jobs = []
    for job in sweep.jobs:
        configuration = _settings(job)
        base = base or configuration or {}
        own: Record = {key: value for key, value in job.record.items() if key not in ("metrics", *PRIVATE)}
        own |= {key: without_folders(own[key]) for key in OF_FILES if key in own}
        if "stages" in own:
            places = [Path(*stage.folder.parts[-2:]).as_posix() for stage in job.stages]
            stages = zip(own["stages"], places, strict=True)
            own["stages"] = [{**stage, "folder": place} for stage, place in stages]
        jobs.append({"number": job.number, "record": own, **_last(job), "settings": changes(base, configuration)})
    known = {key: getattr(sweep, key) for key in OF_SWEEP}
    return {
        "version": VERSION,
        "page": {"command": command, **asdict(choice), "images_left_out": images_left_out},
        "sweep": {"folder": sweep.folder.name, **known},
        "no_constant_masks": sweep.constants[1],
        "no_metadata": sweep.metadata[1],
        "settings": base,
        "jobs": jobs,
    }


def _settings(job: JobResults) -> dict[str, object] | None:
    """Return the settings of a job that a page needs; None while they are not written."""
    if not job.stages:
        return None
    try:
        configuration = job.last.configuration
    except FileNotFoundError:
        return None
    content = settings_of(job) | {RECIPE: configuration.content.get(RECIPE)}
    known = {**vars(configuration), "masks": list(configuration.masks), "content": content}
    return {name: without_folders(value) for name, value in known.items()}


def _last(job: JobResults) -> Record:
    """Return what else a page needs of the last stage of a job."""
    if not job.stages:
        return {}
    result, table = job.last.result, job.last.predictions
    thresholds = None
    if table is not None and "threshold" in table:
        thresholds = {label: _json(value) for label, value in table.groupby("label")["threshold"].first().items()}
    sizes = None if result is None else {key: value for key, value in result.items() if key in SIZES}
    return {"test_images": job.last.test_images, "result": sizes, "thresholds": thresholds}


def _json(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def data_files(sweep: SweepResults) -> dict[str, str]:
    """Return jobs.csv and results.csv of a sweep."""
    return {JOBS: jobs_table(sweep).to_csv(index=False), HISTORY: compact_csv(results_table(sweep))}


LARGEST = 300_000  # characters of results.csv, above which values are rounded to 5 significant digits


def compact_csv(table: pd.DataFrame, largest: int = LARGEST) -> str:
    """Return a table as CSV, rounded to 5 significant digits if it has more than `largest` characters."""
    whole = table.to_csv(index=False)
    return whole if len(whole) <= largest else table.to_csv(index=False, float_format="%.5g")


def unpack(files: Mapping[str, str]) -> tuple[SweepResults, Record]:
    """Return the sweep that the files of a page hold, and the content of its record.

    Args:
        files: record.json, jobs.csv, results.csv and, where there are such, images.csv and metadata.csv, by name.

    Raises:
        ValueError: they were written by another version, or are no files of a page.
    """
    record: Record = json.loads(files[RECORD])
    if record.get("version") != VERSION:
        raise ValueError(
            f"{RECORD} has version {record.get('version')}, this program reads {VERSION}: publish it again"
        )
    metrics = pd.read_csv(StringIO(files[JOBS])).set_index("job")
    history = pd.read_csv(StringIO(files[HISTORY]), dtype=NAMES, keep_default_na=False, na_values=[""])
    images = Images(files.get(IMAGES, ""))
    of_job = dict(iter(history.groupby("job")))
    jobs = tuple(
        _job(entry, record["settings"], metrics, of_job.get(entry["number"], history.iloc[:0]), images)
        for entry in record["jobs"]
    )
    known = record["sweep"]
    if Path(known["experiment"]).name != known["experiment"]:
        raise ValueError(f"{RECORD} is damaged: {known['experiment']} cannot name an experiment")
    folder = Path("runs", known["experiment"], "sweeps", known["folder"])
    own = {key: known[key] for key in OF_SWEEP} | {"axes": tuple(known["axes"]), "remarks": tuple(known["remarks"])}
    sweep = SweepResults(folder=folder, **own, jobs=jobs, processes=None, table=job_table(jobs))
    constants = {
        (job.arm, str(job.repeat)): table
        for job in sweep.done
        if (table := images.training_mask((job.arm, job.record["seed"], job.record["fold"]))) is not None
    }
    known = unpack_metadata(files[METADATA]) if METADATA in files else None
    metadata = known, str(record.get("no_metadata", ""))  # pages of earlier versions have no such entry
    return replace(sweep, constants=(constants, record["no_constant_masks"]), metadata=metadata), record


def _job(
    entry: Record, base: Mapping[str, object], metrics: pd.DataFrame, history: pd.DataFrame, images: Images
) -> JobResults:
    record = dict(entry["record"])
    values = metrics.loc[entry["number"]]
    own = {name: values[name] for name in metrics.columns if name.startswith(("best/", "test/"))}
    if record["status"] == "done":
        record["metrics"] = {name: _json(value) for name, value in own.items()}
    stages = []
    for stage in record.get("stages", []):
        rows = history[history["stage"] == stage["name"]].drop(columns=["job", "arm", "seed", "fold"])
        stages.append(StageResults.known(Path("runs", stage["folder"]), history=rows.dropna(axis=1, how="all")))
    if stages:
        place = record["arm"], record["seed"], record["fold"]
        settings = changed(base, entry["settings"])
        contents = {"test_images": entry["test_images"], "result": entry["result"], "split": None}
        if settings is not None:
            named: Record = {**settings, "masks": tuple(cast(list[str], settings["masks"]))}
            contents["configuration"] = Configuration(**named)
        vars(stages[-1]).update(contents, predictions=images.predictions(place, entry["thresholds"] or {}))
    return JobResults(entry["number"], cast(JobRecord, record), tuple(stages))
