"""What is printed when a sweep or a run ends: scores, and the outcome of each job, within 80 columns."""

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dermoscopy.machine.files import shown_path
from dermoscopy.metrics.weighted_classification import plain_name
from dermoscopy.report.results.arms import headlines, is_segmentation, mean_and_sd, pivot, short_names
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.runs.records import JobRecord
from dermoscopy.runs.tables import SweepResults, find_sweep

if TYPE_CHECKING:  # its import takes half a second, which only the end of a sweep needs
    from dermoscopy.report.results.answer import Answer

ABBREVIATIONS = {
    "average_precision": "AP",
    "f1": "F1",
    "auroc": "AUROC",
    "dice": "Dice",
    "iou": "IoU",
    "thresholded_jaccard": "TJ",
}
LEGEND, MASK_LEGEND = "AP average precision", "TJ IoU, 0 where below 0.65"
TUNED_LEGEND = "* at the threshold chosen in validation"
PLACES = {False: "masks that the network gets", True: "test-time augmentation"}  # whether it segments
COLOURS = {
    "done": "green",
    "done before": "green",
    "reused": "cyan",
    "running": "yellow",
    "failed": "red",
    "unreadable": "red",
    "interrupted": "magenta",
    "missing": "dim",
}
ERROR = "error (see error.txt)"
WARNINGS = "warnings"
PAGE = Path("report", "index.html")  # in the folder of the experiment, see `report.page.page`
WIDEST_ARM = 30  # characters; a longer name is continued on the next line


def print_table(sweep: SweepResults, console: Console | None = None) -> None:
    """Print the arms of a sweep: mean ± sd over repeats of the headline metrics."""
    console = console or Console()
    table = Table(show_edge=False)  # so that four metrics fit 80 columns
    sweep = with_validation_masks(sweep)
    metrics = headlines(sweep)
    for name in ["arm", "n", *metrics]:
        table.add_column(_short_metric(name), justify="left" if name == "arm" else "right")
    values = [mean_and_sd(pivot(sweep.table, metric)) for metric in metrics]
    done = Counter(job.arm for job in sweep.done)
    for arm, name in arm_names(sweep).items():
        table.add_row(Text(name), str(done[arm]), *(column[arm] for column in values))
    console.print(Text(f"{sweep.experiment}, sweep {sweep.folder.name}"))
    console.print(table)
    legend = MASK_LEGEND if is_segmentation(sweep.table) else LEGEND
    if any(_short_metric(name).endswith("*") for name in metrics):
        rules = dict.fromkeys(job.last.configuration.threshold_rule for job in sweep.done)
        legend += f"; {TUNED_LEGEND} ({', '.join(rules)})"
    places = " and ".join(dict.fromkeys(_short_metric(name).rpartition(" ")[0] for name in metrics))
    legend = f"{places}: {PLACES[is_segmentation(sweep.table)]}; {legend}" if places else legend
    console.print(Text(f"mean ± sd; {legend}; jobs: {counts(sweep.table['status'])}"))


def _short_metric(name: str) -> str:
    """Shorten the name of a metric for a column: `test/none/f1_at_youden` is `none F1*`."""
    *_, condition, metric = ["", *name.removeprefix("test/").split("/")]
    plain = plain_name(metric)
    short = f"{ABBREVIATIONS.get(plain, plain)}{'' if plain == metric else '*'}"
    return f"{condition.replace('_', ' ')} {short}".strip()


def print_jobs(sweep: SweepResults, since: str | None = None, console: Console | None = None) -> None:
    """Print one row per job of a sweep and, last, the number of jobs in each state and the seconds they took.

    Args:
        sweep: its jobs are numbered as their folders are.
        since: time (ISO 8601) of the latest start, before which a job counts as `done before`; None: the sweep's own.
        console: to print on; None: standard output.
    """
    console = console or Console()
    table = Table(show_edge=False)
    columns = _job_columns(sweep, sweep.resumed if since is None else since)
    columns = {name: cells for name, cells in columns.items() if name not in ("fold", WARNINGS, ERROR) or any(cells)}
    for name in columns:
        _add_column(table, name)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    console.print(Text(f"jobs of {shown_path(sweep.folder)}"), soft_wrap=True)
    console.print(table)
    states = [state.plain for state in columns["status"]]
    total = sum(job.record.get("seconds", 0.0) for job in sweep.jobs)
    console.print(Text(f"jobs: {counts(states)}; {total:.0f} s"))


def print_run(sweep: SweepResults, console: Console | None = None) -> None:
    """Print the test scores of a single run, its key, its folder and the next commands, once it is done."""
    if not sweep.done:
        return
    job = sweep.done[0]
    scores = {name: job.record["metrics"].get(name) for name in _run_metrics(sweep)}
    texts = [f"{name.removeprefix('test/')} {math.nan if v is None else v:.4f}" for name, v in scores.items()]
    folder = shown_path(job.last.folder)
    name = job.record["key"] if job.last.folder.parents[1] == Path("runs") else folder  # conf/predict.yaml: runs=runs
    lines = [f"test: {', '.join(texts)}"] if texts else []
    lines += [f"warning: {text}" for text in job.record.get("warnings", ())]
    lines += [f"run {job.record['key']} in {folder}"]
    lines += [
        f"to predict: {shlex.join(['python', 'predict.py', f'run={name}', 'images=DIR', 'out=DIR'])}",
        page_line(sweep),
    ]
    (console or Console()).print(Text("\n".join(lines)), soft_wrap=True)


def print_answer(sweep: SweepResults, said: "Answer", console: Console | None = None) -> None:
    """Print what a sweep says, its best arm, and the command that writes its page."""
    lines = [said.text]
    if said.best is not None and len(said.standings) > 1:
        lines.append(f"best arm: {arm_names(sweep)[said.best]} ({said.standings[said.best]})")
    console = console or Console()
    console.print(Text("\n".join(lines)))
    console.print(Text(page_line(sweep)), soft_wrap=True)


def page_line(sweep: SweepResults) -> str:
    """Return the command that writes the page of a sweep, and the place of the page."""
    runs = sweep.folder.parents[2]
    words = ["python", "report.py", f"experiment={sweep.experiment}"]
    if find_sweep(runs, sweep.experiment) != sweep.folder:
        words.append(f"sweep={sweep.folder.name}")
    if runs != Path("runs"):  # conf/report/report.yaml: runs=runs
        words.append(f"runs={shown_path(runs)}")
    return f"page: {shlex.join(words)} writes {shown_path(runs / sweep.experiment / PAGE)}"


def _run_metrics(sweep: SweepResults) -> list[str]:
    """Return the metrics of a single run to print, the primary metric of its experiment first."""
    primary = sweep.about.get("primary_metric", "")
    return list(dict.fromkeys(name for name in (primary, *headlines(sweep)) if name in sweep.table))


def _job_columns(sweep: SweepResults, since: str) -> dict[str, list[Text]]:
    names, records = arm_names(sweep), [job.record for job in sweep.jobs]
    states = [job_state(record, since) for record in records]
    return {
        "job": [Text(str(job.number)) for job in sweep.jobs],
        "arm": [Text(names[job.arm]) for job in sweep.jobs],
        "seed": [_whole(record["seed"]) for record in records],
        "fold": [_whole(record["fold"]) for record in records],
        "status": [Text(state, style=COLOURS[state]) for state in states],
        "seconds": [_whole(record.get("seconds")) for record in records],
        WARNINGS: [Text(warning_line(record), no_wrap=True, overflow="ellipsis") for record in records],
        ERROR: [Text(error_line(record), no_wrap=True, overflow="ellipsis") for record in records],
    }


def _add_column(table: Table, name: str) -> None:
    if name == "arm":
        table.add_column(name, max_width=WIDEST_ARM, overflow="fold")
    elif name in (WARNINGS, ERROR):
        table.add_column(name)  # its cells are truncated if the other columns need the room
    else:
        table.add_column(name, no_wrap=True, justify="left" if name == "status" else "right")


def arm_names(sweep: SweepResults) -> dict[str, str]:
    """Return the names of arms for the terminal: `optimizer.lr=0.1, loss=bce` is `lr=0.1, loss=bce`."""
    names = short_names(list(dict.fromkeys(job.arm for job in sweep.jobs)))
    return {arm: re.sub(r"(?:^|(?<= ))[\w.]+\.(\w+)=", r"\1=", name) for arm, name in names.items()}


def job_state(record: JobRecord, since: str = "") -> str:
    """Return the state of a job; one that is done is `done`, `reused` or, if it ended before `since`, `done before`."""
    if record["status"] != "done":
        return record["status"]
    ended = record["ended"]
    if since and ended and datetime.fromisoformat(ended) < datetime.fromisoformat(since):
        return "done before"
    return "reused" if record["reused"] else "done"


def error_line(record: JobRecord) -> str:
    """Return the error of a job in one line, empty if there is none."""
    return " ".join((record["error"] or "").split()) if record["status"] in ("failed", "unreadable") else ""


def warning_line(record: JobRecord) -> str:
    """Return the number of warnings of a job and the first of them in one line, empty if there is none."""
    texts = record.get("warnings", [])
    return f"{len(texts)}: {' '.join(texts[0].split())}" if texts else ""


def counts(states: Iterable[str]) -> str:
    """Return the number of jobs in each state as text, `done` first: `7 done, 1 failed`."""
    number = Counter(states)
    return ", ".join(f"{number[state]} {state}" for state in COLOURS if number[state])


def _whole(value: float | None) -> Text:
    return Text("" if value is None else f"{value:.0f}")
