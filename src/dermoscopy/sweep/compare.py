"""Comparison of two trainings of the same run: which numbers agree to the last digit, and how far the others differ."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dermoscopy.evaluation.summary import METRICS
from dermoscopy.machine.files import write_atomically
from dermoscopy.runs.checkpoints import weights
from dermoscopy.runs.files import BEST, PREDICTIONS
from dermoscopy.runs.history import read_history
from dermoscopy.runs.recorded import RecordedStage
from dermoscopy.runs.stage import finished


@dataclass(frozen=True)
class Value:
    """A number of the first training and of its repetition; for a tensor only the largest difference of its entries.

    The difference is 0 if they agree to the last digit, infinite if only one of them is defined.
    """

    metric: str
    epoch: int | None
    first: float
    again: float
    difference: float

    @property
    def place(self) -> str:
        """Name of the metric, with the epoch if it has one, counted from 0 as in history.csv."""
        return self.metric if self.epoch is None else f"{self.metric}, epoch {self.epoch}"


@dataclass(frozen=True)
class ComparedPart:
    """The values of one kind of a stage: history, result, weights or predictions."""

    stage: str
    name: str
    compared: list[Value]

    @property
    def differing(self) -> list[Value]:
        """Values that do not agree, the largest difference first."""
        return sorted((v for v in self.compared if v.difference), key=lambda value: -value.difference)


def difference(first: float, again: float) -> float:
    """Return the absolute difference of two numbers; NaN equals NaN, and differs infinitely from any other number."""
    if first == again or (math.isnan(first) and math.isnan(again)):
        return 0.0
    return math.inf if math.isnan(first - again) else abs(first - again)


Values = Mapping[tuple[str, int | None], float]


def compare(first: Values, again: Values) -> list[Value]:
    """Compare numbers by name and epoch; a missing number is undefined (NaN)."""
    pairs = [(place, first.get(place, math.nan), again.get(place, math.nan)) for place in {**first, **again}]
    return [Value(*place, one, two, difference(one, two)) for place, one, two in pairs]


def compare_stage(first: RecordedStage, again: Path, tested: bool) -> list[ComparedPart]:
    """Compare the history, result, weights and predictions of two trainings of a stage.

    Args:
        first: the original stage.
        again: folder in which it was trained again.
        tested: whether test scores and predictions are compared; only the last stage of a run is tested again.
    """
    name, folders = first.name, (first.folder, again)
    parts = {
        "history": compare(*map(_history, folders)),
        "result": compare(*(_scores(folder, tested) for folder in folders)),
        "weights": compare_weights(*(weights(folder / BEST) for folder in folders)),
    }
    if tested:
        parts["predictions"] = compare(*map(_predictions, folders))
    return [ComparedPart(name, kind, values) for kind, values in parts.items()]


def _history(folder: Path) -> Values:
    skip = ("stage", "epoch", "mode", "seconds")
    rows = read_history(folder)
    return {(f"{r['mode']}/{name}", r["epoch"]): value for r in rows for name, value in r.items() if name not in skip}


def _scores(folder: Path, tested: bool) -> Values:
    result = finished(folder)
    if result is None:
        return {}
    metrics = {name: v for name, v in result["metrics"].items() if tested or not name.startswith("test/")}
    return {(name, None): value for name, value in ({"epochs": result["epochs"]} | metrics).items()}


def _predictions(folder: Path) -> Values:
    """Read the log-odds of each test image and label, or the scores of each test image and mask."""
    path = folder / PREDICTIONS
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and "logit" in rows[0]:
        return {(f"{r['mask_condition']}/{r['label']}/{r['id']}", None): float(r["logit"]) for r in rows}
    scores = (*METRICS, "truth", "predicted")
    return {
        (f"{row['size']}/{row['mask']}/{name}/{row['id']}", None): float(row[name] or "nan")
        for row in rows
        for name in scores
    }


def compare_weights(first: Mapping[str, torch.Tensor], again: Mapping[str, torch.Tensor]) -> list[Value]:
    """Compare tensors by name: the largest difference of entries, infinite if one is missing or has another shape."""
    largest = {name: _largest_difference(first.get(name), again.get(name)) for name in {**first, **again}}
    return [Value(name, None, math.nan, math.nan, value) for name, value in largest.items()]


def _largest_difference(first: torch.Tensor | None, again: torch.Tensor | None) -> float:
    if first is None or again is None or first.shape != again.shape:
        return math.inf
    same = (first == again) | (first.isnan() & again.isnan())
    return float((first.double() - again.double()).abs().masked_fill(same, 0).nan_to_num(math.inf, math.inf).max())


def verdict(parts: Sequence[ComparedPart]) -> str:
    """Return one sentence: all values agree, or how many differ, and where the largest difference is."""
    total, differing = sum(len(part.compared) for part in parts), sum(len(part.differing) for part in parts)
    if not differing:
        return f"all {total} values agree to the last digit"
    worst = max((part for part in parts if part.differing), key=lambda part: part.differing[0].difference)
    where = f"{worst.stage}, {worst.name}, {worst.differing[0].place}"
    return f"{differing} of {total} values differ, the largest {_by(worst.differing[0])} ({where})"


def _by(value: Value) -> str:
    return "is defined only once" if math.isinf(value.difference) else f"by {value.difference:.3g}"


def print_parts(parts: Sequence[ComparedPart], console: Console | None = None) -> None:
    """Print one row per part of each stage: numbers of values and of differing ones, largest difference and where."""
    table = Table("stage", "part", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("epochs", "values", "differ", "by at most"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where", overflow="fold")
    for part in parts:
        epochs = {value.epoch for value in part.compared} - {None}
        numbers = [str(len(epochs) or ""), str(len(part.compared)), str(len(part.differing))]
        worst = [(f"{value.difference:.3g}", value.place) for value in part.differing[:1]] or [("", "")]
        table.add_row(part.stage, part.name, *numbers, *map(Text, worst[0]))
    (console or Console()).print(table)


def write_comparison(parts: Sequence[ComparedPart], path: Path) -> Path:
    """Write one row per value: stage, part, metric, epoch, first, again, difference."""
    rows = [{"stage": part.stage, "part": part.name} | asdict(value) for part in parts for value in part.compared]
    return write_atomically(path, pd.DataFrame(rows).astype({"epoch": "Int64"}).to_csv(index=False))
