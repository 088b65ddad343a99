"""The figure of mask conditions: how the test score of each arm depends on the masks that the network receives."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dermoscopy.plots.style import GRID, MOST_BANDS, STYLE, arm_colours, metric_words
from dermoscopy.report.results.conditions import BESIDE, SHARES, Curves


def draw_conditions(curves: Curves) -> Figure:
    """Draw each arm's metric over the revealed share of the ground-truth masks, and beside it with other masks.

    Lines and dots are means over repeats, bands and bars their 95 % intervals.
    """
    colours = dict(zip(curves.names, arm_colours(len(curves.names)), strict=True))
    beside = [name for name in BESIDE if name in curves.tables]
    ratios = (4.0, 0.4 + 0.8 * len(beside)) if beside else (1.0,)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, max(4.0, 0.8 + 0.22 * len(colours))), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
        condition_lines(panels[0], curves, colours)
        if beside:
            other_masks(panels[1], curves, colours, beside)
        for axes in panels:
            axes.grid(axis="y", color=GRID, zorder=-1)
            axes.set_axisbelow(True)
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def condition_lines(axes: Axes, curves: Curves, colours: Mapping[str, str]) -> None:
    """Draw one line per arm, with a band unless there are so many arms that bands would overlap."""
    tested = [name for name in SHARES if name in curves.tables]
    percent = [100 * SHARES[name] for name in tested]
    bands = len(colours) <= MOST_BANDS
    for number, (arm, colour) in enumerate(colours.items()):
        means = [curves.mean(name, arm) for name in tested]
        line: dict[str, Any] = {
            "linewidth": 1.5,
            "markersize": 4,
            "label": curves.names[arm],
            "gid": f"arm-{number}.line",
        }
        axes.plot(percent, means, "o-", color=colour, **line)
        if bands:
            low, high = zip(*(curves.interval(name, arm) for name in tested), strict=True)
            axes.fill_between(percent, low, high, color=colour, alpha=0.13, linewidth=0, gid=f"arm-{number}.band")
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("revealed cells of the ground-truth masks, %")
    axes.set_ylabel(metric_words(curves.score))
    axes.set_title(f"Test: mean over {curves.basis.repeats}{', 95 % interval' if bands else ''}")


def other_masks(axes: Axes, curves: Curves, colours: Mapping[str, str], places: Sequence[str]) -> None:
    """Draw one column per mask condition, with the arms side by side."""
    offsets = np.linspace(-0.3, 0.3, len(colours)) if len(colours) > 1 else np.zeros(1)
    for column, name in enumerate(places):
        for number, ((arm, colour), offset) in enumerate(zip(colours.items(), offsets, strict=True)):
            axes.plot([column + offset] * 2, curves.interval(name, arm), color=colour, linewidth=1.4)
            gid = f"arm-{number}.{name}"
            axes.plot(column + offset, curves.mean(name, arm), "D", color=colour, markersize=5, gid=gid)
    axes.set_xticks(range(len(places)), places)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.tick_params(axis="both", length=0)
    axes.set_title("Other masks")
