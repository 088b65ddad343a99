"""Facts about what ran and its cost: states of jobs, hours, machines, parameters, leakage, masks, weights, warnings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dermoscopy.runs.input_records import InitialWeightsRecord, PredictedMasksRecord
from dermoscopy.runs.records import DataRecord
from dermoscopy.runs.tables import JobResults, SweepResults

COSTS = ["parameters", "trainable", "epoch", "hours", "hardware"]
SUBSETS = ("train", "val", "test")
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class StoreImages:
    """A store that jobs of a sweep were trained on.

    Attributes:
        size: height and width of its images.
        images: lowest and highest number of images over the jobs by subset, as jobs may draw subsets of their own; None
            if no job has recorded any.
    """

    name: str
    size: tuple[int, ...]
    fingerprint: str
    images: dict[str, tuple[int, int] | None]


def stores(sweep: SweepResults) -> list[StoreImages]:
    """Return the stores of all jobs that have begun to train, each once."""
    by_store: dict[tuple[str, tuple[int, ...], str], list[DataRecord]] = {}
    for job in sweep.jobs:
        if "data" in job.record:
            data = job.record["data"]
            by_store.setdefault((data["name"], tuple(data["size"]), data["fingerprint"]), []).append(data)
    return [StoreImages(*store, _images(records)) for store, records in by_store.items()]


def _images(records: list[DataRecord]) -> dict[str, tuple[int, int] | None]:
    known = [{"train": data["train"], "val": data["val"], "test": data["test"]} for data in records if "train" in data]
    if not known:
        return dict.fromkeys(SUBSETS)
    return {
        subset: (min(counts[subset] for counts in known), max(counts[subset] for counts in known)) for subset in SUBSETS
    }


def states(sweep: SweepResults) -> dict[str, int]:
    """Return the number of jobs in each state, `done` and `failed` first, also if there are none in these two."""
    counts = sweep.table["status"].value_counts()
    return {state: int(counts.get(state, 0)) for state in dict.fromkeys(["done", "failed", *sorted(counts.index)])}


def hours(sweep: SweepResults) -> float:
    """Return the training time of all jobs in hours, counting a stage that several jobs share once."""
    return sum(_stage_seconds(sweep.jobs).values()) / 3600


def duration(seconds: float) -> str:
    """Format a duration for reading: 40 s, 12 min, 3 h 5 min."""
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _stage_seconds(jobs: Sequence[JobResults]) -> dict[str, float]:
    """Return the seconds of each stage by key: the longest that its jobs recorded, as some may not have finished it."""
    seconds: dict[str, float] = {}
    for job in jobs:
        for stage in job.record.get("stages", []):
            seconds[stage["key"]] = max(seconds.get(stage["key"], 0.0), stage.get("seconds", 0.0))
    return seconds


def label_leakage(sweep: SweepResults) -> dict[str, str]:
    """Return labels that follow from whether a mask is empty, each with the mask; none if no test gave masks."""
    if not any(name.startswith(("test/given/", "test/revealed_")) for name in sweep.table.columns):
        return {}
    leaking: dict[str, str] = {}
    for job in sweep.jobs:
        if "data" in job.record:
            leaking |= job.record["data"].get("label_leakage", {})
    return leaking


def costs(sweep: SweepResults) -> pd.DataFrame:
    """Return the costs of each arm over the jobs that are done.

    Returns:
        Columns parameters, trainable (in the last stage), epoch (mean seconds, over all stages), hours (of all jobs of
        the arm, each stage counted once), hardware. No row for an arm whose stages have no result.
    """
    arms: dict[str, list[JobResults]] = {}
    for job in sweep.done:
        arms.setdefault(job.arm, []).append(job)
    epochs = sweep.history
    epochs = epochs[(epochs["mode"] == "train") & epochs["job"].isin([job.number for job in sweep.done])]
    seconds = epochs.groupby("arm")["seconds"].mean() if len(epochs) else pd.Series(dtype=float)
    rows = {}
    for arm, jobs in arms.items():
        if result := jobs[0].last.result:
            machines = "; ".join(dict.fromkeys(job.record["hardware"] for job in jobs))
            own_hours = sum(_stage_seconds(jobs).values()) / 3600
            rows[arm] = [result["parameters"], result["trainable"], seconds.get(arm), own_hours, machines]
    return pd.DataFrame.from_dict(rows, orient="index", columns=COSTS)


def predicted_masks(sweep: SweepResults) -> list[str]:
    """Return sentences on the predicted masks of the jobs that are done: unseen or not, nested or not; none if unused.

    A job without a record of them, of an older version, counts as not recorded.
    """
    facts: list[str] = []
    for job in sweep.done:
        if (record := job.record.get("predicted_masks")) is not None:
            facts.append(_predicted_masks(record, job.record.get("data", {}).get("test")))
        elif "predicted_masks" not in job.record and _names_predicted_masks(job):
            facts.append(f"Predicted masks: {NOT_RECORDED} whether their networks had seen the images.")
    return _counted(facts, len(sweep.done))


def _predicted_masks(record: PredictedMasksRecord, tested: int | None) -> str:
    unseen = {
        True: "each by a network that had not seen the image",
        False: "some by a network that had seen the image",
        None: "unknown whether by networks that had seen the images",
    }[record["unseen"]]
    seen = record["test_images_seen"]
    nested = "unknown whether the folds are nested"
    if seen == 0:
        nested = "the folds are nested, as no network behind a training image's mask had seen a test image"
    elif seen is not None:
        of = "" if tested is None else f" of {tested}"
        nested = (
            "the folds are not nested, as the networks behind the training images' masks had seen "
            f"{seen}{of} test images and their masks"
        )
    use = "in training" if record["training"] else "not in training"
    return f"Predicted masks ({Path(record['file']).name}, used {use}): {unseen}; {nested}."


def _names_predicted_masks(job: JobResults) -> bool:
    datamodule = job.last.configuration.content.get("datamodule")
    return isinstance(datamodule, Mapping) and datamodule.get("predicted") is not None


def initial_weights(sweep: SweepResults) -> list[str]:
    """Return sentences on the weights that the training of the jobs that are done began with."""
    facts: list[str] = []
    for job in sweep.done:
        for record in job.record.get("initial_weights", [None]):
            facts.append(f"Initial weights: {NOT_RECORDED}." if record is None else _initial_weights(record))
    return _counted(facts, len(sweep.done))


def _initial_weights(record: InitialWeightsRecord) -> str:
    name = record.get("name", "")
    origin = {
        "published": f"published ones of {name}{_file(record)}",
        "file": f"the file {name}, {NOT_RECORDED} what it was trained on",
        "run": f"those of a run, {_seen_by_run(record.get('test_images_seen'))}",
        "scratch": "random (from scratch)",
        "unknown": "those of its own class",
    }[record["origin"]]
    return f"Initial weights of {record['part']}: {origin}."


def _file(record: InitialWeightsRecord) -> str:
    """Return the file of published weights, by its name and the begin of its sha256."""
    if "file" not in record:
        return ""
    digest = f", sha256 {record['sha256'][:16]}" if "sha256" in record else ""
    return f", from the file {Path(record['file']).name}{digest}"


def _seen_by_run(count: int | None) -> str:
    if count is None:
        return f"{NOT_RECORDED} whether it had seen test images"
    return f"which had seen {count} test images" if count else "which had seen no test image"


def warnings(sweep: SweepResults) -> list[str]:
    """Return the remarks on the whole, then the warnings and remarks of the jobs that are done, with their numbers."""
    facts: list[str] = []
    for job in sweep.done:
        facts += job.record.get("warnings", [f"Warnings: {NOT_RECORDED}."])
    return [*sweep.remarks, *_counted(facts, len(sweep.done))]


def _counted(facts: Sequence[str], jobs: int) -> list[str]:
    """Return each text once, the most frequent first, with the number of its jobs where that is not all."""
    return [
        text if count == jobs else f"{text} ({count} of {jobs} jobs)" for text, count in Counter(facts).most_common()
    ]
