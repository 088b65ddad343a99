"""Pictures of evaluated labels: confusion matrices and reliability diagrams.

Save them with `dermoscopy.plots.style.save_figure(..., small=False)`, which is faster; every test waits for them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dermoscopy.metrics.calibration import BINS, calibration_scores, reliability
from dermoscopy.plots.panels import PLAIN
from dermoscopy.plots.style import COLOURS, FAINT, INK

PANELS, COLUMNS = 6, 3  # labels per picture, and per row
SIDE, CELL, EDGE, HEAD = 2.0, 0.6, 0.1, 0.3  # inches: a panel, the smallest cell in it, the margin, above a panel
SHORT = 3  # letters of the longest tick that is not rotated
BLUES = LinearSegmentedColormap.from_list("blues", ["white", COLOURS[0]])
GREY = "#DDDDDD"
Floats = NDArray[np.float64]


class Panel(NamedTuple):
    """A square on a page: its lower left corner, its side, and the space for ticks beside and below it, in inches."""

    x: float
    y: float
    side: float
    beside: float
    below: float


def draw_confusion(counts: pd.DataFrame, title: str) -> Figure:
    """Draw the counts of one mask condition and, as colour, their share of the images with that true label.

    Args:
        counts: of `confusion_table`; one panel per label, six at most, or one for all exclusive labels.
        title: of the figure.
    """
    labels, kinds = list(counts["label"].unique()), list(counts["truth"].unique())
    ticks = [{1: "yes", 0: "no"}.get(kind, str(kind)) for kind in kinds]
    with mpl.rc_context(PLAIN):
        figure, axes, panels = _page(labels, title, max(SIDE, CELL * len(kinds)), max(map(len, ticks)))
        for label, panel in zip(labels, panels, strict=False):
            rows = counts[counts["label"] == label]
            threshold = rows["threshold"].iloc[0]
            rule = "likeliest" if np.isnan(threshold) else f"logit > {threshold:.2f}"
            _label_panel(axes, panel, label, f"predicted ({rule})", "true")
            _matrix(axes, panel, rows["count"].to_numpy().reshape(len(kinds), len(kinds)), ticks)
    return figure


def draw_reliability(table: pd.DataFrame, names: Sequence[str], title: str) -> Figure:
    """Draw the share of positives against the predicted probability, and the number of images in each bin.

    Args:
        table: rows of predictions.csv, of one mask condition.
        names: the labels; one panel per label, six at most.
        title: of the figure.
    """
    with mpl.rc_context(PLAIN):
        figure, axes, panels = _page(names, title, SIDE, SHORT)
        for name, panel in zip(names, panels, strict=False):
            rows = table[table["label"] == name]
            truth, logit = (torch.tensor(rows[[column]].to_numpy(float)) for column in ("truth", "logit"))
            error = calibration_scores(logit.sigmoid(), truth)["ece"].item()
            _label_panel(axes, panel, f"{name}, ECE {error:.3f}", "predicted probability", "share of positives")
            _curve(axes, panel, *(values[:, 0].numpy() for values in reliability(logit.sigmoid(), truth)))
    return figure


def _page(labels: Sequence[str], title: str, side: float, letters: int) -> tuple[Figure, Axes, Iterator[Panel]]:
    """Make a figure with one panel per label, six at most, all in one axes in inches.

    One axes per panel would take ten times as long.
    """
    count = min(len(labels), PANELS)
    columns, rows = min(count, COLUMNS), -(-count // COLUMNS)
    beside, below = 0.35 + 0.07 * letters, 0.33 + 0.05 * letters
    width, height = columns * (beside + side + EDGE) + EDGE, HEAD + rows * (HEAD + side + below) + EDGE
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), autoscale_on=False)
    axes.set_axis_off()
    more = f", {count} of {len(labels)} labels" if count < len(labels) else ""
    axes.text(EDGE, height - EDGE, title + more, va="top", size=10.5, weight="bold")
    places = (divmod(number, columns) for number in range(count))
    corners = (
        (column * (beside + side + EDGE) + beside, (rows - row - 1) * (HEAD + side + below) + below + EDGE)
        for row, column in places
    )
    return figure, axes, (Panel(*corner, side, beside, below) for corner in corners)


def _label_panel(axes: Axes, panel: Panel, title: str, below: str, beside: str) -> None:
    """Write the title and axis labels of a panel, and draw its frame."""
    x, y, side = panel[:3]
    axes.text(x, y + side + 0.06, title, size=9)
    axes.text(x + side / 2, y - panel.below + 0.05, below, ha="center", size=8.5)
    axes.text(x - panel.beside + 0.05, y + side / 2, beside, va="center", rotation=90, size=8.5)
    axes.plot([x, x + side, x + side, x, x], [y, y, y + side, y + side, y], color=FAINT, linewidth=0.8)


def _ticks(axes: Axes, panel: Panel, across: Floats, up: Floats, ticks: Sequence[str]) -> None:
    """Write ticks below and beside a panel, at distances in inches from its corner."""
    rotated = max(map(len, ticks)) > SHORT
    for right, above, tick in zip(across, up, ticks, strict=True):
        below = axes.text(panel.x + right, panel.y - 0.06, tick, size=8, ha="center", va="top")
        if rotated:
            below.set(ha="right", va="center", rotation=45, rotation_mode="anchor")
        axes.text(panel.x - 0.06, panel.y + above, tick, size=8, ha="right", va="center")


def _matrix(axes: Axes, panel: Panel, counts: NDArray[np.int64], ticks: Sequence[str]) -> None:
    """Fill a panel with a confusion matrix: rows are true, columns predicted."""
    x, y, side = panel[:3]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    place = (x, x + side, y, y + side)
    axes.imshow(share, BLUES, vmin=0, vmax=1, extent=place, aspect="auto", interpolation="nearest")
    cell = side / len(counts)
    middle = (np.arange(len(counts), dtype=np.float64) + 0.5) * cell
    _ticks(axes, panel, middle, side - middle, ticks)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if share[row, column] > 0.6 else INK
        text = f"{count}\n{share[row, column]:.0%}"
        centre = x + (column + 0.5) * cell, y + side - (row + 0.5) * cell
        axes.text(*centre, text, ha="center", va="center", color=colour, size=8)


def _curve(axes: Axes, panel: Panel, images: NDArray[np.int64], mean: Floats, share: Floats) -> None:
    """Fill a panel with the curve, over bars of the share of the images in each bin, with their number."""
    x, y, side = panel[:3]
    middle, top = x + side * (np.arange(BINS) + 0.5) / BINS, y + side * images / max(1, images.sum())
    axes.vlines(middle, y, top, colors=GREY, linewidth=0.85 * 72 * side / BINS)  # 72 points per inch
    filled = np.flatnonzero(images)
    for place, height, count in zip(*(values[filled].tolist() for values in (middle, top, images)), strict=True):
        axes.text(place, height + 0.03, str(count), ha="center", va="bottom", size=6, rotation=90)
    axes.plot([x, x + side], [y, y + side], "--", color=FAINT, linewidth=1)
    axes.plot(x + side * mean[filled], y + side * share[filled], "o-", color=COLOURS[0], markersize=3, linewidth=1)
    places = np.linspace(0, side, 3, dtype=np.float64)
    _ticks(axes, panel, places, places, ("0", "0.5", "1"))
