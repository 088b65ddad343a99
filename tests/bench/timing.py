"""Two or more ways to do the same work, timed in turns, and how they compare."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from rich.progress import track
from rich.table import Table


@dataclass(frozen=True)
class Comparison:
    """Ours and a reference, one number of each a round, and the target for their ratio.

    Without a reference the target is for our numbers themselves; without a target the row only informs.
    """

    part: str
    ours_is: str
    reference_is: str
    unit: str
    ours: list[float]
    reference: list[float]
    target: float | None = None
    at_least: bool = True  # else at most

    @property
    def judged(self) -> list[float]:
        """The ratio of each round, or our number where there is no reference."""
        if not self.reference:
            return self.ours
        return [ours / reference for ours, reference in zip(self.ours, self.reference, strict=True)]

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without a target."""
        if self.target is None:
            return None
        return median(self.judged) >= self.target if self.at_least else median(self.judged) <= self.target

    def record(self) -> dict[str, Any]:
        """Return all numbers, for a file."""
        return asdict(self) | {"median": median(self.judged), "met": self.met}


def take_turns(ways: Mapping[str, Callable[[], object]], rounds: int, label: str) -> dict[str, list[float]]:
    """Return the seconds that each way took in each round; all ways run once before, to warm up.

    One after the other in every round: whatever else the machine does falls on all of them alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in track(range(rounds + 1), label, transient=True, disable=not sys.stdout.isatty()):
        for name, way in ways.items():
            took = seconds_of(way)
            if number > 0:
                seconds[name].append(took)
    return seconds


def seconds_of(way: Callable[[], object]) -> float:
    """Return the seconds that one call takes, work on an accelerator included."""
    synchronise()
    began = time.perf_counter()
    way()
    synchronise()
    return time.perf_counter() - began


def synchronise() -> None:
    """Wait for the accelerator, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def rates(count: int, seconds: list[float]) -> list[float]:
    """Return how many of `count` are done in a second."""
    return [count / value for value in seconds]


def table(comparisons: list[Comparison]) -> Table:
    """Return the comparisons as a table: medians over the rounds, and the ratio with its extremes."""
    result = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("part", "ours", "", "against", "", "unit", "ratio", "lowest – highest", "target", "met"):
        result.add_column(name, justify="right" if name in ("", "ratio", "target") else "left")
    for row in comparisons:
        judged = row.judged
        reference = f"{median(row.reference):.4g}" if row.reference else ""
        target = "" if row.target is None else f"{'≥' if row.at_least else '≤'} {row.target:g}"
        result.add_row(
            row.part,
            row.ours_is,
            f"{median(row.ours):.4g}",
            row.reference_is,
            reference,
            row.unit,
            f"{median(judged):.3f}" if row.reference else "",
            f"{min(judged):.3f} – {max(judged):.3f}",
            target,
            {None: "", True: "yes", False: "no"}[row.met],
        )
    return result
