"""What pruning deletes, in the terminal: what, where and how much, then the command that deletes it."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dermoscopy.machine.files import shown_path
from dermoscopy.runs.prune import CHECKPOINTS, Pruning, Removable, remove


def print_removable(pruning: Pruning, command: str, console: Console | None = None) -> None:
    """Print what would be deleted, the total, the experiments left alone, and the command that deletes.

    Args:
        pruning: result of `find_removable`.
        command: that deletes exactly this.
        console: to print on; None: standard output.
    """
    console = console or Console()
    _print_left(pruning, console)
    if not pruning.items:
        console.print("nothing to delete")
        return
    table = Table("what", "path", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("size", justify="right", no_wrap=True)
    table.columns[1].overflow = "fold"
    for kind, path, size in _rows(pruning.items):
        table.add_row(kind, Text(path), size_text(size))
    table.add_row("total", "", size_text(sum(item.size for item in pruning.items)))
    console.print(table)
    console.print(Text(f"nothing is deleted yet; to delete it: {command}"), soft_wrap=True)


def delete(pruning: Pruning, console: Console | None = None) -> None:
    """Delete, and print how much was deleted and what was not."""
    console = console or Console()
    _print_left(pruning, console)
    deleted = []
    for item in pruning.items:
        if remove(item):
            deleted.append(item)
        else:
            console.print(Text(f"kept {shown_path(item.path)}: a process works in it"), soft_wrap=True)
    for kind, items in groupby(deleted, key=lambda item: item.kind):
        own = list(items)
        console.print(f"{len(own)} {kind}: {size_text(sum(item.size for item in own))}")
    console.print(f"deleted {size_text(sum(item.size for item in deleted))}")


def _print_left(pruning: Pruning, console: Console) -> None:
    for name, reason in pruning.left.items():
        console.print(Text(f"{name} is left alone: {reason}"), soft_wrap=True)


def _rows(items: Sequence[Removable]) -> list[tuple[str, str, int]]:
    """Return one row per item, but one for all checkpoints of an experiment."""
    rows: list[tuple[str, str, int]] = []
    for (kind, place), group in groupby(items, key=_place):
        own = list(group)
        path = f"{shown_path(place)} ({len(own)})" if kind == CHECKPOINTS else shown_path(place)
        rows.append((kind, path, sum(item.size for item in own)))
    return rows


def _place(item: Removable) -> tuple[str, Path]:
    """Return the kind of an item and its path, with `*` for the stage of a checkpoint."""
    if item.kind != CHECKPOINTS:
        return item.kind, item.path
    return item.kind, item.path.parents[1] / "*" / item.path.name


def size_text(size: int) -> str:
    """Format a number of bytes: 512 B, 3.4 kB, 12 MB."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.{1 if value < 9.95 and units[0] != 'B' else 0}f} {units[0]}"
