"""Facts about a sweep on its page: command, data, hardware, time, jobs that are not done, and label leakage."""

import re
from collections.abc import Iterable

from dermoscopy.report.page.markdown import code, markdown_table, plain
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


def facts(sweep: SweepResults) -> str:
    """Write a table of command, data, hardware, time, commit, and the number of jobs in each state."""
    begun = [job.record for job in sweep.jobs if "data" in job.record]
    machines = (
        ", ".join([record["hardware"], f"{record['threads']} threads", *_precisions(record)])
        for record in begun
        if "hardware" in record
    )
    rows = {
        "command": code(sweep.command),
        "sweep": f"{sweep.folder.name}, started {sweep.started}",
        "data": "; ".join(map(_store, stores(sweep))),
        "hardware": _distinct(machines),
        "time": f"{duration(3600 * hours(sweep))}, each stage counted once",
        "commit": _distinct(map(_commit, begun)),
        "jobs": job_counts(sweep),
    }
    return markdown_table(["what ran", ""], [[name, value or "not recorded"] for name, value in rows.items()])


def job_counts(sweep: SweepResults) -> str:
    """Return the number of planned jobs, and how many of them are in each state, as text."""
    return f"{len(sweep.jobs)}: " + ", ".join(f"{count} {state}" for state, count in states(sweep).items())


def unfinished(sweep: SweepResults) -> str:
    """Write one line per job that is not done, with its error; such jobs are not in the tables below."""
    lines = []
    for job in sweep.jobs:
        status, error = job.record["status"], job.record["error"]
        if status != "done":
            reason = f": {plain(error)}" if error else ""
            lines.append(f"- job {job.number} ({plain(job.name)}) {status}{reason}")
    return "Not in the numbers below:\n\n" + "\n".join(lines) if lines else ""


def recorded(sweep: SweepResults) -> str:
    """Write what the jobs recorded of their predicted masks and initial weights, and their warnings."""
    texts = [*predicted_masks(sweep), *initial_weights(sweep), *(plain(text) for text in warnings(sweep))]
    return "Recorded by the jobs:\n\n" + "\n".join(f"- {text}" for text in texts) if texts else ""


def leakage_warning(sweep: SweepResults) -> str:
    """Write a warning that scores with ground-truth masks show no skill, empty if no mask reveals a label."""
    leaking = label_leakage(sweep)
    if not leaking:
        return ""
    labels = plain(", ".join(label if label == mask else f"{label} (mask {mask})" for label, mask in leaking.items()))
    return (
        "**Label leakage.** These labels follow from whether a ground-truth mask is empty: "
        f"{labels}. Scores with given or revealed masks are therefore no evidence of skill, neither for these labels "
        "nor for a mean that includes them. Scores with no masks or with predicted masks are not affected."
    )


def _store(store: StoreImages) -> str:
    """Describe a store and its numbers of images, as ranges if jobs drew subsets of their own."""
    size = " x ".join(map(str, store.size))
    counts = ", ".join(f"{_range(numbers)} {subset}" for subset, numbers in store.images.items())
    return f"{plain(store.name)}, {counts} images, {size} px, fingerprint {store.fingerprint[:12]}"


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
