"""Facts about a sweep on its page: command, data, hardware, time, jobs that are not done, and label leakage."""

import re
from collections.abc import Iterable

from dermoscopy.report.page.section import Code, Section
from dermoscopy.report.results.facts import (
    StoreImages,
    duration,
    hours,
    initial_weights,
    label_leakage,
    predicted_masks,
    states,
    stores,
    warnings,
)
from dermoscopy.runs.records import JobRecord
from dermoscopy.runs.tables import SweepResults

# The text of a store, see `_store`: name, numbers of images, fingerprint
STORE = re.compile(r"(?:^\| data \| |; )(.+?), ((?:[\w ]+? (?:train|val|test),? ?)+)images, .*?fingerprint (\w{12})")


def facts(sweep: SweepResults) -> Section:
    """Return command, data, hardware, time, commit, and the number of jobs in each state."""
    begun = [job.record for job in sweep.jobs if "data" in job.record]
    machines = (
        ", ".join([record["hardware"], f"{record['threads']} threads", *_precisions(record)])
        for record in begun
        if "hardware" in record
    )
    rows = {
        "command": Code(sweep.command),
        "sweep": f"{sweep.folder.name}, started {sweep.started}",
        "data": data_used(sweep),
        "hardware": _distinct(machines),
        "time": f"{duration(3600 * hours(sweep))}, each stage counted once",
        "commit": commits(sweep),
        "jobs": job_counts(sweep),
    }
    return Section("What ran", ("", ""), [(name, value or "not recorded") for name, value in rows.items()])


def data_used(sweep: SweepResults) -> str:
    """Return the stores of a sweep with their numbers of images, empty if no job has begun."""
    return "; ".join(map(_store, stores(sweep)))


def commits(sweep: SweepResults) -> str:
    """Return the commits of the jobs that have begun."""
    return _distinct(_commit(job.record) for job in sweep.jobs if "data" in job.record)


def job_counts(sweep: SweepResults) -> str:
    """Return the number of planned jobs, and how many of them are in each state, as text."""
    return f"{len(sweep.jobs)}: " + ", ".join(f"{count} {state}" for state, count in states(sweep).items())


def unfinished(sweep: SweepResults) -> Section | None:
    """Return the jobs that are not done, each with its error; they are in no number of the page."""
    items = []
    for job in sweep.jobs:
        status, error = job.record["status"], job.record["error"]
        if status != "done":
            items.append((f"job {job.number} ({job.name})", f"{status}{f': {error}' if error else ''}"))
    return Section("Jobs that are not done, in no number of this page", items=items) if items else None


def recorded(sweep: SweepResults) -> Section | None:
    """Return what the jobs recorded of their predicted masks and initial weights, and their warnings."""
    texts = [*predicted_masks(sweep), *initial_weights(sweep), *warnings(sweep)]
    return Section("Recorded by the jobs", items=[("", text) for text in texts]) if texts else None


def leakage_warning(sweep: SweepResults) -> str:
    """Return a warning that scores with ground-truth masks show no skill, empty if no mask reveals a label."""
    leaking = label_leakage(sweep)
    if not leaking:
        return ""
    labels = ", ".join(label if label == mask else f"{label} (mask {mask})" for label, mask in leaking.items())
    return (
        "Label leakage. These labels follow from whether a ground-truth mask is empty: "
        f"{labels}. Scores with given or revealed masks are therefore no evidence of skill, neither for these labels "
        "nor for a mean that includes them. Scores with no masks or with predicted masks are not affected."
    )


def _store(store: StoreImages) -> str:
    """Describe a store and its numbers of images, as ranges if jobs drew subsets of their own."""
    size = " x ".join(map(str, store.size))
    counts = ", ".join(f"{_range(numbers)} {subset}" for subset, numbers in store.images.items())
    return f"{store.name}, {counts} images, {size} px, fingerprint {store.fingerprint[:12]}"


def _range(numbers: tuple[int, int] | None) -> str:
    if numbers is None:
        return "unknown"
    low, high = numbers
    return f"{low}" if low == high else f"{low} to {high}"


def _commit(record: JobRecord) -> str:
    return f"{record['commit'] or 'none'}{' with changes' if record['dirty'] else ''}"


def _precisions(record: JobRecord) -> list[str]:
    """Return the precisions of the training steps of a job's stages."""
    stages = record.get("stages", [])
    return list(dict.fromkeys(stage["precision"] for stage in stages if "precision" in stage))


def _distinct(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))
