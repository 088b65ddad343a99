"""What an arm costs against what it scores."""

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dermoscopy.plots.style import STYLE, arm_colours
from dermoscopy.report.results.arms import short_names


def draw_costs(table: pd.DataFrame, score: pd.Series, label: str) -> Figure:
    """Draw the mean score of each arm over its parameters and over its seconds an epoch.

    Args:
        table: of `costs`.
        score: by arm.
        label: what the score is, for the axis.
    """
    names, colours = short_names(list(table.index)), arm_colours(len(table))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, max(3.0, 0.8 + 0.22 * len(table))), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        for (arm, row), colour in zip(table.to_dict("index").items(), colours, strict=True):
            left.plot(row["parameters"] / 1e6, score[str(arm)], "o", color=colour)
            right.plot(row["epoch"], score[str(arm)], "o", color=colour, label=names[str(arm)])
        left.set_xlabel("parameters, million")
        right.set_xlabel("seconds an epoch")
        left.set_ylabel(label)
        for axes in (left, right):
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_xlim(0, None)
            axes.grid(color="#eeeeee", zorder=-1)
            axes.set_axisbelow(True)
        figure.legend(loc="outside right upper", frameon=False)
    return figure
