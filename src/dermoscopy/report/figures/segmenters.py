"""Figures for pages of segmenters: box plots of the scores of single images, and scores over the cost of the arms."""

from collections.abc import Mapping
from textwrap import fill

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import boxplot_stats
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dermoscopy.plots.style import COLOURS, FAINT, GRID, INK, STYLE, arm_colours
from dermoscopy.report.results.arms import short_names
from dermoscopy.report.results.boxes import box_table, mean_over_seeds

LABEL = 30  # characters per line of an arm's name


MEAN = {"marker": "D", "markersize": 5, "markerfacecolor": "white", "markeredgecolor": COLOURS[1]}


OUTLIERS = {"marker": "o", "markersize": 3, "markerfacecolor": INK, "markeredgewidth": 0, "alpha": 0.35}


def draw_boxes(
    images: pd.DataFrame,
    metric_label: str,
    width: float = 9.6,
    most: int | None = None,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw one box per arm: quartiles, median, whiskers of 1.5 interquartile ranges, outliers, and the mean.

    Args:
        images: as for `box_table`, which returns the numbers of the figure.
        metric_label: name of the metric, for the axis.
        width: in inches.
        most: outliers of an arm that are drawn at most, evenly taken, so that a vector graphic stays small; None: all.
        names: of the arms; None: their display names.

    Raises:
        ValueError: there are no values.
    """
    table, pooled = box_table(images), mean_over_seeds(images).dropna()
    if pooled.empty:
        raise ValueError(f"no image has a value of {metric_label}: there is nothing to draw")
    with mpl.rc_context(STYLE):
        labels = _labels(table, names or short_names(list(table.index)))
        row = 0.2 + 0.17 * max(label.count("\n") + 1 for label in labels)  # inches per arm
        figure = Figure(figsize=(width, 1 + row * len(table)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        _boxes(axes, [pooled[pooled.index.get_level_values("arm") == arm].to_numpy() for arm in table.index], most)
        axes.set_yticks(range(len(table)), labels)
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=GRID, zorder=-1)
        axes.set_axisbelow(True)
        axes.set_xlabel(metric_label)
        seeds = ", mean over seeds of each image" if (table["seeds"] > 1).any() else ""
        if width >= 9:  # a narrow one is described beside it
            axes.set_title(f"Test images{seeds}: quartiles and mean (◇), highest median first", loc="left")
    return figure


def _boxes(axes: Axes, values: list[NDArray[np.float64]], most: int | None) -> None:
    stats = boxplot_stats(values)
    for box in stats:
        outliers = np.sort(box["fliers"])
        if most is not None and len(outliers) > most:
            box["fliers"] = outliers[np.linspace(0, len(outliers) - 1, most).round().astype(int)]
    drawn = axes.bxp(
        stats,
        positions=range(len(values)),
        orientation="horizontal",
        widths=0.55,
        patch_artist=True,
        showmeans=True,
        boxprops={"facecolor": COLOURS[4], "alpha": 0.6, "edgecolor": COLOURS[0]},
        medianprops={"color": INK, "linewidth": 1.8},
        meanprops=MEAN,
        flierprops=OUTLIERS,
        whiskerprops={"color": FAINT},
        capprops={"color": FAINT},
    )
    for row, box in enumerate(drawn["boxes"]):
        box.set_gid(f"row-{row}")


def _labels(table: pd.DataFrame, names: Mapping[str, str]) -> list[str]:
    """Return one label per arm: its name, its number of images and, if there are several, of seeds."""
    labels = []
    for arm, images, seeds in zip(table.index, table["images"], table["seeds"], strict=True):
        count = f"{images} images" + (f", {seeds} seeds" if seeds > 1 else "")
        labels.append(f"{fill(names[arm], LABEL)}\n{count}")
    return labels


def draw_costs(table: pd.DataFrame, score: pd.Series, label: str) -> Figure:
    """Draw the mean score of each arm over its number of parameters and over its seconds per epoch.

    Args:
        table: result of `facts.costs`.
        score: mean score by arm.
        label: name of the score, for the axis.
    """
    names, colours = short_names(list(table.index)), arm_colours(len(table))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, max(3.0, 0.8 + 0.22 * len(table))), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        left_costs, right_costs = table["parameters"].astype(float) / 1e6, table["epoch"].astype(float)
        for axes, values in ((left, left_costs), (right, right_costs)):
            cost_points(axes, values, score, dict(zip(map(str, table.index), colours, strict=True)), names)
        left.set_xlabel("parameters, million")
        right.set_xlabel("seconds per epoch")
        left.set_ylabel(label)
        handles, _ = right.get_legend_handles_labels()
        figure.legend(handles=handles, loc="outside right upper", frameon=False)
    return figure


def cost_points(
    axes: Axes, costs: pd.Series, score: pd.Series, colours: Mapping[str, str], names: Mapping[str, str]
) -> None:
    """Draw one dot per arm: its mean score over a cost, both indexed by arm; the axis of costs begins at 0."""
    for number, (arm, colour) in enumerate(colours.items()):
        axes.plot(costs[arm], score[arm], "o", color=colour, label=names[arm], gid=f"arm-{number}.cost")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlim(0, None)
    axes.grid(color=GRID, zorder=-1)
    axes.set_axisbelow(True)
