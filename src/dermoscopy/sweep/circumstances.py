"""Circumstances besides the configuration that may change numbers: code, libraries, hardware, threads, recipe."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dermoscopy.machine.provenance import code
from dermoscopy.runs.recorded import FinishedStage

UNKNOWN, CHANGES = "unknown", " with changes"


def circumstances(made_with: Mapping[str, object], hardware: str, threads: int, key: str) -> dict[str, str]:
    """Return the circumstances that may change the numbers of a stage, as texts by name.

    Args:
        made_with: commit, whether tracked files differ from it (dirty), and versions of libraries.
        hardware, threads: of the machine.
        key: of the stage. The same configuration has a different key if the recipe of the training has changed, or the
            content of a file that it names (split.file, network.checkpoint).
    """
    commit = str(made_with["commit"] or UNKNOWN)[:12] + (CHANGES if made_with["dirty"] else "")
    versions = {name: str(version) for name, version in made_with.items() if name not in ("commit", "dirty")}
    return {"commit": commit, **versions, "hardware": hardware, "threads": str(threads), "recipe (key)": key}


def print_circumstances(
    run: Sequence[FinishedStage], hardware: str, threads: Sequence[int], keys: Sequence[str]
) -> None:
    """Print the circumstances that differ, or may differ, from those of the original training, one row each.

    Args:
        run: the original stages.
        hardware: of this machine.
        threads: number of threads of each stage now.
        keys: key of each stage now.
    """
    rows: dict[tuple[str, str, str], None] = {}  # an ordered set, as most stages have the same rows
    for stage, number, key in zip(run, threads, keys, strict=True):
        then = circumstances(stage.code, stage.hardware, stage.threads, stage.key)
        now = circumstances(code(), hardware, number, key)
        rows |= dict.fromkeys(_uncertain(then, now))
    if not rows:
        print("same commit, libraries, hardware, threads and recipe as then", flush=True)
        return
    table = Table("possible difference", "then", "now", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _uncertain(then: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return name, then and now of each circumstance that differs or of which this is unknown."""
    rows = [(name, then.get(name, UNKNOWN), now.get(name, UNKNOWN)) for name in {**then, **now}]
    return [
        (name, before, after)
        for name, before, after in rows
        if before != after or before == UNKNOWN or before.endswith(CHANGES)
    ]
