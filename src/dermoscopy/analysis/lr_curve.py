"""The chart of a learning-rate sweep."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dermoscopy.analysis.figures import COLOURS, FAINT, STYLE


def draw_lr_curve(table: pd.DataFrame, suggestion: float | None) -> Figure:
    """Draw the loss over the learning rate, as it was and smoothed, with the suggestion marked if there is one.

    Args:
        table: columns lr, loss, smoothed, a row each step.
        suggestion: a learning rate.
    """
    known = table[np.isfinite(table["loss"])]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.semilogx(known["lr"], known["loss"], ".", color=FAINT, markersize=4, label="a step")
        axes.semilogx(known["lr"], known["smoothed"], color=COLOURS[0], label="smoothed")
        if suggestion is not None:
            axes.axvline(suggestion, color=COLOURS[1], linestyle="--", linewidth=1, label=f"suggestion {suggestion:g}")
        highest = max(known["smoothed"].max(), known["loss"].quantile(0.97))  # a last leap must not flatten the rest
        lowest = known["loss"].min()
        if highest > lowest:
            margin = 0.05 * (highest - lowest)
            axes.set_ylim(lowest - margin, highest + margin)
        axes.set_xlabel("learning rate")
        axes.set_title("training loss")
        axes.legend(frameon=False)
    return figure
