"""What ran: command, data, hardware, hours, the jobs that are not done, and masks that give a label away."""

from collections.abc import Iterable
from typing import Any

from dermoscopy.report.page.markdown import markdown_table
from dermoscopy.runs.tables import Sweep


def facts(sweep: Sweep) -> str:
    """Command, data, hardware, hours, commit and how many jobs are in which state."""
    records = [record for record in sweep.records.values() if record.get("data")]
    rows = {
        "command": f"`{sweep.command}`",
        "sweep": f"{sweep.folder.name}, started {sweep.started}",
        "data": _data([record["data"] for record in records]),
        "hardware": _distinct(f"{record.get('hardware')}, {record.get('threads')} threads" for record in records),
        "hours": f"{hours(sweep):.2f}, each stage counted once",
        "commit": _distinct(_commit(record) for record in records),
        "jobs": job_counts(sweep),
    }
    return markdown_table(["what ran", ""], [[name, value or "not recorded"] for name, value in rows.items()])


def job_counts(sweep: Sweep) -> str:
    """Number of jobs in each state, of all that were to run."""
    counts = sweep.jobs["status"].value_counts()
    states = dict.fromkeys(["done", "failed", *sorted(counts.index)])
    return f"{len(sweep.jobs)}: " + ", ".join(f"{counts.get(state, 0)} {state}" for state in states)


def hours(sweep: Sweep) -> float:
    """Time of the distinct stages of all jobs; a stage that several jobs share is counted once."""
    seconds: dict[str, float] = {}
    for record in sweep.records.values():
        for stage in record.get("stages") or []:
            seconds[stage["key"]] = max(seconds.get(stage["key"], 0.0), stage.get("seconds") or 0.0)
    return sum(seconds.values()) / 3600


def unfinished(sweep: Sweep) -> str:
    """Each job that is not done, with its error; nothing of it is in the tables below."""
    lines = []
    for row in sweep.jobs[sweep.jobs["status"] != "done"].itertuples():
        who = f" ({row.arm}, {row.repeat})" if isinstance(row.arm, str) else ""
        why = f": {' '.join(str(row.error).split())}" if isinstance(row.error, str) and row.error else ""
        lines.append(f"- job {row.job}{who} {row.status}{why}")
    return "Not in the numbers below:\n\n" + "\n".join(lines) if lines else ""


def giveaways(sweep: Sweep) -> dict[str, str]:
    """Labels that can be read off a mask, each with the mask; none where no true masks were given, or not recorded."""
    found: dict[str, str] = {}
    if not any(name.startswith(("test/given/", "test/revealed_")) for name in sweep.jobs.columns):
        return found
    for record in sweep.records.values():
        found |= (record.get("data") or {}).get("giveaways") or {}
    return found


def giveaway_warning(sweep: Sweep) -> str:
    """That scores with true masks are no evidence of skill, where masks give labels away."""
    found = giveaways(sweep)
    if not found:
        return ""
    labels = ", ".join(label if label == mask else f"{label} (mask {mask})" for label, mask in found.items())
    return (
        f"**Masks give labels away.** These labels can be told from whether a true mask is empty: {labels}. Scores "
        "with masks given or revealed are therefore no evidence of skill, neither of these labels nor of a mean that "
        "includes them. Scores with no masks or with predicted ones are not affected."
    )


def _data(records: list[dict[str, Any]]) -> str:
    """The stores of a sweep, each with its numbers of images, which differ where jobs drew their own test side."""
    stores: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for data in records:
        size = " x ".join(str(side) for side in data.get("size") or [])
        key = f"{data.get('name')}", f"{size} px, fingerprint {str(data.get('fingerprint'))[:12]}"
        stores.setdefault(key, []).append(data)
    return "; ".join(f"{name}, {_counts(each)} images, {facts}" for (name, facts), each in stores.items())


def _counts(records: list[dict[str, Any]]) -> str:
    sides = {side: sorted({data[side] for data in records if side in data}) for side in ("train", "val", "test")}
    texts = {
        side: " to ".join(str(n) for n in dict.fromkeys([*found[:1], *found[-1:]])) for side, found in sides.items()
    }
    return ", ".join(f"{text or 'unknown'} {side}" for side, text in texts.items())


def _commit(record: dict[str, Any]) -> str:
    return f"{record.get('commit') or 'none'}{' and changes to it' if record.get('dirty') else ''}"


def _distinct(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))
