"""Progress of a sweep in the terminal: a grid of arms, repeats and stages, and the time left."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dermoscopy.machine.files import shown_path
from dermoscopy.report.results.facts import duration
from dermoscopy.report.results.progress import OVER, JobProgress, StageProgress, read_progress, seconds_left
from dermoscopy.report.terminal.results import COLOURS, WIDEST_ARM, arm_names, counts, error_line
from dermoscopy.runs.files import ERROR, JOB
from dermoscopy.runs.tables import NOT_AN_ARM, SweepResults, experiments, find_sweep, load_sweep

MARKS = {
    "done": "●",
    "reused": "○",
    "running": "▶",
    "failed": "✗",
    "interrupted": "!",
    "missing": "·",
    "unreadable": "?",
}
GAP = 2  # characters between two columns of the grid
Repeat = tuple[int | None, ...]


def print_status(sweep: SweepResults, console: Console | None = None) -> None:
    """Print the grid of a sweep with its legend, counts of jobs, errors, the time left, and the command to continue."""
    console = console or Console()
    jobs = read_progress(sweep)
    console.print(Text(f"{sweep.experiment}, sweep {shown_path(sweep.folder)}"), soft_wrap=True)
    for grid in _grids(sweep, jobs, console.width):
        console.print("", grid, sep="\n")
    console.print("", _legend(jobs), "", Text(_summary(jobs)), sep="\n")
    if errors := _errors(sweep):
        console.print(errors)
    if _unfinished(jobs):
        console.print(Text(f"time left: {_time_left(jobs, sweep.processes)}"))
        if not _running(jobs):
            console.print(Text(f"continue: {sweep.command}"), soft_wrap=True)


def print_overview(runs: Path, console: Console | None = None) -> None:
    """Print one line per experiment on its latest sweep; if there is no sweep, how to start one."""
    console = console or Console()
    if not experiments(runs):
        start = "python train.py +experiment=zeroing -m starts one"
        console.print(Text(f"no sweep in {shown_path(runs)} yet: {start}"), soft_wrap=True)
        return
    table = Table("experiment", "latest sweep", "done", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    others = [state for state in MARKS if state not in OVER]
    for state in others:
        table.add_column(Text(MARKS[state], style=COLOURS[state]), justify="right")
    table.add_column("time left", no_wrap=True)
    for experiment in experiments(runs):
        sweep = load_sweep(find_sweep(runs, experiment))
        jobs = read_progress(sweep)
        number = Counter(job.status for job in jobs)
        left = seconds_left(jobs, sweep.processes)
        table.add_row(
            Text(experiment),
            sweep.folder.name,
            f"{number['done']}/{len(jobs)}",
            *(str(number[state] or "") for state in others),
            "" if not _unfinished(jobs) else "unknown" if left is None else duration(left),
        )
    console.print(table, "", _marks(others), sep="\n")


def _grids(sweep: SweepResults, jobs: Sequence[JobProgress], width: int) -> Iterator[Table]:
    """Yield tables of arms x repeats, as many as are needed to stay within the width."""
    names = arm_names(sweep)
    repeats = sorted({job.repeat for job in jobs}, key=lambda repeat: [(n is None, n or 0) for n in repeat])
    cells = {(arm, repeat): _cell(jobs, arm, repeat) for arm in names for repeat in repeats}
    head = "\n".join(axis.removeprefix("split.") for axis in NOT_AN_ARM if axis in sweep.axes)
    heads = {repeat: "\n".join("?" if n is None else str(n) for n in repeat) for repeat in repeats}
    widest = min(WIDEST_ARM, max(map(len, [*names.values(), *head.split("\n")])))
    room = width - widest
    for block in _blocks(repeats, [_width(heads[r], [cells[arm, r] for arm in names]) for r in repeats], room):
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=bool(head))
        table.add_column(Text(head, justify="right"), min_width=widest, max_width=widest, overflow="fold")
        for repeat in block:
            table.add_column(heads[repeat], no_wrap=True)
        for arm, name in names.items():
            table.add_row(Text(name), *(cells[arm, repeat] for repeat in block))
        yield table


def _cell(jobs: Sequence[JobProgress], arm: str, repeat: Repeat) -> Text:
    """Return the marks of an arm's job, one per stage; usually there is one job per cell."""
    marks = [Text.assemble(*map(_mark, job.stages)) for job in jobs if (job.arm, job.repeat) == (arm, repeat)]
    return Text(" ").join(marks)


def _mark(stage: StageProgress) -> tuple[str, str]:
    begun = stage.key is not None and stage.state not in (*OVER, "missing") and stage.epochs is not None
    return MARKS[stage.state] + (f"{stage.epoch}/{stage.epochs}" if begun else ""), COLOURS[stage.state]


def _width(head: str, cells: Sequence[Text]) -> int:
    return max([len(line) for line in head.split("\n")] + [cell.cell_len for cell in cells])


def _blocks(repeats: Sequence[Repeat], widths: Sequence[int], room: int) -> Iterator[list[Repeat]]:
    """Yield blocks of columns that fit into `room` characters, each of at least one column."""
    block: list[Repeat] = []
    used = 0
    for repeat, width in zip(repeats, widths, strict=True):
        if block and used + GAP + width > room:
            yield block
            block, used = [], 0
        block.append(repeat)
        used += GAP + width
    yield block


def _legend(jobs: Sequence[JobProgress]) -> Text:
    lists = dict.fromkeys(", ".join(stage.name for stage in job.stages) for job in jobs)
    lists.pop("?", None)  # no job has named its stages yet
    stages = f"\none mark per stage: {' or '.join(lists)}; numbers are epochs" if lists else ""
    return Text.assemble(_marks(MARKS), stages)


def _marks(states: Iterable[str]) -> Text:
    return Text("  ").join(Text(f"{MARKS[state]} {state}", style=COLOURS[state]) for state in states)


def _summary(jobs: Sequence[JobProgress]) -> str:
    done = sum(job.status == "done" for job in jobs)
    others = counts(job.status for job in jobs if job.status != "done")
    return f"{done} of {len(jobs)} jobs done" + (f", {others}" if others else "")


def _errors(sweep: SweepResults) -> Table | None:
    """Return a table of the jobs with an error: file relative to the sweep's folder, arm and repeat, error."""
    table, names = Table.grid(padding=(0, GAP, 0, 0)), arm_names(sweep)
    table.add_column(no_wrap=True)
    table.add_column(max_width=WIDEST_ARM)
    table.add_column()  # the widest column is narrowed first; its cells are truncated
    for job in sweep.jobs:
        if error := error_line(job.record):
            file = ERROR if job.record["status"] == "failed" else JOB
            cells = (f"{job.number}/{file}", f"{names[job.arm]}, {job.repeat or '?'}", error)
            table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    return table if table.row_count else None


def _running(jobs: Sequence[JobProgress]) -> int:
    return sum(job.status == "running" for job in jobs)


def _unfinished(jobs: Sequence[JobProgress]) -> bool:
    return any(job.status != "done" for job in jobs)


def _time_left(jobs: Sequence[JobProgress], processes: int | None) -> str:
    seconds, running = seconds_left(jobs, processes), _running(jobs)
    if seconds is None:
        return "unknown until the first batches are done"
    failed = ", without failed jobs" if running and any(job.status == "failed" for job in jobs) else ""
    return f"about {duration(seconds)} {f'with {running} running' if running else 'once continued'}{failed}"
