"""Curves over epochs and over learning rates."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dermoscopy.plots.style import COLOURS, FAINT, STYLE, metric_words


def draw_stage(history: pd.DataFrame, score: str, best: int) -> Figure:
    """Draw the loss and one metric of a stage, training and validation, with the best epoch marked.

    Args:
        history: rows of a stage's history.csv.
        score: a metric, a column of the history.
        best: the epoch whose weights were kept.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.2))  # laid out by hand, which is faster: each job waits for it
        figure.subplots_adjust(left=0.06, right=0.98, bottom=0.16, top=0.9, wspace=0.16)
        FigureCanvasAgg(figure)
        for axes, column in zip(figure.subplots(1, 2), ("loss", score), strict=True):
            for (mode, rows), colour in zip(history.groupby("mode"), COLOURS, strict=False):
                axes.plot(rows["epoch"] + 1, rows[column], "o-", color=colour, markersize=3, label=mode)
            axes.axvline(best + 1, color=FAINT, linestyle="--", linewidth=1, label="best epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("epoch")
            axes.set_title(metric_words(column))
        axes.legend(frameon=False)
    return figure


def draw_lr_curve(table: pd.DataFrame, suggestion: float | None) -> Figure:
    """Draw the loss over the learning rate, raw and smoothed, and mark the suggestion if there is one.

    Args:
        table: columns lr, loss, smoothed, one row per step.
        suggestion: a learning rate.
    """
    known = table[np.isfinite(table["loss"])]
    with mpl.rc_context(STYLE | {"text.parse_math": True}):  # powers of ten on the logarithmic axis
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.semilogx(known["lr"], known["loss"], ".", color=FAINT, markersize=4, label="one step")
        axes.semilogx(known["lr"], known["smoothed"], color=COLOURS[0], label="smoothed")
        if suggestion is not None:
            axes.axvline(suggestion, color=COLOURS[1], linestyle="--", linewidth=1, label=f"suggestion {suggestion:g}")
        highest = max(known["smoothed"].max(), known["loss"].quantile(0.97))  # a final jump must not flatten the rest
        lowest = known["loss"].min()
        if highest > lowest:
            margin = 0.05 * (highest - lowest)
            axes.set_ylim(lowest - margin, highest + margin)
        axes.set_xlabel("learning rate")
        axes.set_title("training loss")
        axes.legend(frameon=False)
    return figure
