"""What the page says of what ran: command, data, hardware, hours, jobs that are not done, and label leakage."""

from collections.abc import Iterable

from dermoscopy.report.page.markdown import markdown_table
from dermoscopy.report.results.facts import StoreImages, hours, label_leakage, states, stores
from dermoscopy.runs.records import JobRecord
from dermoscopy.runs.tables import SweepResults


def facts(sweep: SweepResults) -> str:
    """Command, data, hardware, hours, commit and how many jobs are in which state."""
    begun = [job.record for job in sweep.jobs if "data" in job.record]
    machines = (f"{record['hardware']}, {record['threads']} threads" for record in begun if "hardware" in record)
    rows = {
        "command": f"`{sweep.command}`",
        "sweep": f"{sweep.folder.name}, started {sweep.started}",
        "data": "; ".join(map(_store, stores(sweep))),
        "hardware": _distinct(machines),
        "hours": f"{hours(sweep):.2f}, each stage counted once",
        "commit": _distinct(map(_commit, begun)),
        "jobs": job_counts(sweep),
    }
    return markdown_table(["what ran", ""], [[name, value or "not recorded"] for name, value in rows.items()])


def job_counts(sweep: SweepResults) -> str:
    """Number of jobs in each state, of all that were to run."""
    return f"{len(sweep.jobs)}: " + ", ".join(f"{count} {state}" for state, count in states(sweep).items())


def unfinished(sweep: SweepResults) -> str:
    """Each job that is not done, with its error; nothing of it is in the tables below."""
    lines = []
    for job in sweep.jobs:
        status, error = job.record["status"], job.record["error"]
        if status != "done":
            reason = f": {' '.join(error.split())}" if error else ""
            lines.append(f"- job {job.number} ({job.name}) {status}{reason}")
    return "Not in the numbers below:\n\n" + "\n".join(lines) if lines else ""


def leakage_warning(sweep: SweepResults) -> str:
    """That scores with true masks are no evidence of skill, where masks give labels away."""
    leaking = label_leakage(sweep)
    if not leaking:
        return ""
    labels = ", ".join(label if label == mask else f"{label} (mask {mask})" for label, mask in leaking.items())
    return (
        f"**Masks give labels away.** These labels can be told from whether a true mask is empty: {labels}. Scores "
        "with masks given or revealed are therefore no evidence of skill, neither of these labels nor of a mean that "
        "includes them. Scores with no masks or with predicted ones are not affected."
    )


def _store(store: StoreImages) -> str:
    """A store with its numbers of images, a range where jobs drew subsets of their own."""
    size = " x ".join(map(str, store.size))
    counts = ", ".join(f"{_range(numbers)} {subset}" for subset, numbers in store.images.items())
    return f"{store.name}, {counts} images, {size} px, fingerprint {store.fingerprint[:12]}"


def _range(numbers: tuple[int, int] | None) -> str:
    if numbers is None:
        return "unknown"
    low, high = numbers
    return f"{low}" if low == high else f"{low} to {high}"


def _commit(record: JobRecord) -> str:
    return f"{record['commit'] or 'none'}{' and changes to it' if record['dirty'] else ''}"


def _distinct(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))
