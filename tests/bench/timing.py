"""Timing of several implementations of the same work in turns, and their comparison."""

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
    """Our implementation and a reference, one number of each per round, and the target for their ratio.

    Without a reference the target applies to our numbers; without a target the row is informative only.
    """

    part: str
    ours_is: str
    reference_is: str
    unit: str
    ours: list[float]
    reference: list[float]
    target: float | None = None
    at_least: bool = True  # False: at most

    @property
    def ratios(self) -> list[float]:
        """Ratios per round, or our numbers where there is no reference."""
        if not self.reference:
            return self.ours
        return [ours / reference for ours, reference in zip(self.ours, self.reference, strict=True)]

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without a target."""
        if self.target is None:
            return None
        return median(self.ratios) >= self.target if self.at_least else median(self.ratios) <= self.target

    def record(self) -> dict[str, Any]:
        """Return all numbers as JSON-compatible values."""
        return asdict(self) | {"median": median(self.ratios), "met": self.met}


def take_turns(ways: Mapping[str, Callable[[], object]], rounds: int, label: str) -> dict[str, list[float]]:
    """Return the seconds per implementation and round; all run once before as a warm-up.

    They alternate within every round, so that other load on the machine affects all of them alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in track(range(rounds + 1), label, transient=True, disable=not sys.stdout.isatty()):
        for name, way in ways.items():
            duration = seconds_of(way)
            if number > 0:
                seconds[name].append(duration)
    return seconds


def seconds_of(way: Callable[[], object]) -> float:
    """Return the seconds of one call, including work on an accelerator."""
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
    """Return the number per second, from the seconds for `count`."""
    return [count / value for value in seconds]


def table(comparisons: list[Comparison]) -> Table:
    """Return the comparisons as a table: medians over the rounds, and the ratio with its extremes."""
    result = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("part", "ours", "", "reference", "", "unit", "ratio", "lowest – highest", "target", "met"):
        result.add_column(name, justify="right" if name in ("", "ratio", "target") else "left")
    for row in comparisons:
        ratios = row.ratios
        reference = f"{median(row.reference):.4g}" if row.reference else ""
        target = "" if row.target is None else f"{'≥' if row.at_least else '≤'} {row.target:g}"
        result.add_row(
            row.part,
            row.ours_is,
            f"{median(row.ours):.4g}",
            row.reference_is,
            reference,
            row.unit,
            f"{median(ratios):.3f}" if row.reference else "",
            f"{min(ratios):.3f} – {max(ratios):.3f}",
            target,
            {None: "", True: "yes", False: "no"}[row.met],
        )
    return result
