"""The history of a stage: one row per epoch and mode."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dermoscopy.contracts import Logger

from dermoscopy.runs.files import HISTORY

Row = dict[str, Any]
# Columns of a row that are no scores of its images: learning rates of the last step of the epoch, of body and head, are
# in the rows of training alone.
OTHERS = ("stage", "epoch", "mode", "seconds", "lr", "lr_head")


def read_history(folder: Path) -> list[Row]:
    """Return the history in a stage's folder, one row per epoch and mode; empty if there is none."""
    path = folder / HISTORY
    if not path.is_file():
        return []
    with path.open(newline="") as file:  # numbers read by pandas may differ in the last bit
        return [{name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)]


def validation_scores(folder: Path, epoch: int) -> dict[str, float]:
    """Return the validation metrics of an epoch, as `val/<metric>`."""
    row = next(row for row in read_history(folder) if row["epoch"] == epoch and row["mode"] == "val")
    return {f"val/{name}": value for name, value in row.items() if name not in OTHERS}


def trained_seconds(folder: Path) -> float:
    """Return the seconds that all epochs took, those before an interruption included."""
    return sum(row["seconds"] for row in read_history(folder) if row["mode"] == "train")


def _value(name: str, text: str) -> int | float | str:
    if name in ("stage", "mode"):
        return text
    return int(text) if name == "epoch" else float(text or "nan")


def log_history(loggers: Iterable[Logger], rows: Iterable[Row], offset: int) -> None:
    """Send rows to the loggers, one batch per epoch; `offset` is the number of epochs in earlier stages."""
    epochs: dict[int, dict[str, float]] = {}
    for row in rows:
        metrics = {k: v for k, v in row.items() if k not in ("stage", "epoch", "mode") and v == v}  # NaN is undefined
        epochs.setdefault(row["epoch"], {}).update({f"{row['mode']}/{name}": value for name, value in metrics.items()})
    for epoch, metrics in epochs.items():
        for logger in loggers:
            logger.log_metrics(metrics, step=offset + epoch)
