"""The main figure of a page: test scores of each arm, and its validation score over the epochs."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dermoscopy.metrics.repeats import share_interval
from dermoscopy.plots.style import FAINT, GRID, INK, MOST_BANDS, STYLE, arm_colours, metric_words
from dermoscopy.report.results.arms import short_names

MARKERS = (("o", True), ("o", False), ("D", False))  # one per table: shape, and whether it is filled
NARROWEST = 0.1  # smallest range of the metric axis, so that noise does not fill the panel
LABEL = 24  # characters per line of an arm's label
LEGEND_COLUMNS = 3


def draw_figure(
    tables: Mapping[str, pd.DataFrame],
    history: pd.DataFrame,
    score: str,
    trivial: tuple[str, float] | None = None,
    test_per_train: float = 0.0,
) -> Figure:
    """Draw the test scores of each arm beside its validation curve.

    Args:
        tables: pivots (arms x repeats) of the score by their name in the legend, such as `masks none`.
        history: `SweepResults.history` of the jobs that are done.
        score: metric without `test/<condition>/`, a column of the history.
        trivial: name and score of the best trivial predictor, drawn as a dashed line.
        test_per_train: test images per training image, for the intervals; see `statistics.standard_error`.
    """
    arms = list(dict.fromkeys(arm for table in tables.values() for arm in table.index))
    colours = dict(zip(arms, arm_colours(len(arms)), strict=True))
    with mpl.rc_context(STYLE):
        row = 0.46 if len(tables) < 3 else 0.66  # inches per arm
        figure = Figure(figsize=(9.6, max(2.8, 1.6 + row * len(arms))), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        arms_chart(left, tables, colours, trivial, test_per_train)
        left.set_xlabel(metric_words(score))
        learning_curves(right, history, score, colours)
        entries = len(tables) + (trivial is not None)
        for axes in (left, right):  # titles above the legend
            axes.set_title(axes.get_title(loc="left"), pad=8 + 16 * -(-entries // LEGEND_COLUMNS))
    return figure


def arms_chart(
    axes: Axes,
    tables: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
    trivial: tuple[str, float] | None = None,
    test_per_train: float = 0.0,
) -> None:
    """Draw one row per arm: a small dot per repeat and, per table, the mean with its 95 % interval."""
    offsets = np.linspace(-0.22, 0.18, len(tables)) if len(tables) > 1 else np.zeros(1)
    for (label, table), offset, (marker, filled) in zip(tables.items(), offsets, MARKERS, strict=False):
        for row, (arm, colour) in enumerate(colours.items()):
            if arm in table.index:
                values = table.loc[arm].dropna().to_numpy(float)
                interval = share_interval(values, test_per_train)
                _arm(axes, values, interval, row + offset, colour, marker, filled)
        axes.plot([], [], marker, color=INK, markerfacecolor=INK if filled else "white", label=label)
    if trivial is not None:
        axes.axvline(trivial[1], color=FAINT, linestyle="--", linewidth=1, zorder=0, label=trivial[0])
    names = short_names(list(colours))
    axes.set_yticks(range(len(colours)), [fill(names[arm], LABEL) for arm in colours])
    for tick, colour in zip(axes.get_yticklabels(), colours.values(), strict=True):
        tick.set_color(colour)
    axes.set_ylim(len(colours) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(*_limits(axes.get_xlim()))
    axes.grid(axis="x", color=GRID, zorder=-1)
    axes.set_title("Test: repeats, mean, 95 % interval")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=LEGEND_COLUMNS,
        frameon=False,
        handletextpad=0.4,
        borderpad=0,
    )


def _arm(
    axes: Axes,
    values: np.ndarray,
    interval: tuple[float, float],
    row: float,
    colour: str,
    marker: str,
    filled: bool,
) -> None:
    if not len(values):
        return
    low, high = interval
    dots: dict[str, Any] = {"markersize": 3, "alpha": 0.55, "markeredgewidth": 0}
    axes.plot(values, np.full(len(values), row + 0.13), "o", color=colour, gid=f"row-{row:.0f}.repeats", **dots)
    axes.plot([low, high], [row, row], color=colour, linewidth=1.4, solid_capstyle="butt", gid=f"row-{row:.0f}.line")
    mean: dict[str, Any] = {"markersize": 6.5, "markerfacecolor": colour if filled else "white", "markeredgewidth": 1.4}
    axes.plot(values.mean(), row, marker, color=colour, gid=f"row-{row:.0f}", **mean)


def _limits(drawn: tuple[float, float]) -> tuple[float, float]:
    """Return the limits of the axis, widened to a range of NARROWEST if they are closer together."""
    missing = max(0.0, NARROWEST - (drawn[1] - drawn[0])) / 2
    return drawn[0] - missing, drawn[1] + missing


def learning_curves(
    axes: Axes, history: pd.DataFrame, score: str, colours: Mapping[str, str], mode: str = "val"
) -> None:
    """Draw the score of one mode over the epochs of all stages.

    Lines are means over the repeats of an arm, bands one standard deviation.
    """
    rows = history[history["mode"] == mode] if score in history.columns else history.iloc[:0]
    bands, word = len(colours) <= MOST_BANDS, {"val": "validation", "train": "training"}[mode]
    for number, (arm, colour) in enumerate(colours.items()):
        mean, sd = mean_curve(rows, score, arm)
        style: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.5,
            "marker": "o" if len(mean) == 1 else None,
            "markersize": 4,
        }
        axes.plot(mean.index, mean, gid=f"arm-{number}.line", **style)
        if sd.notna().any() and bands:
            band: dict[str, Any] = {"color": colour, "alpha": 0.13, "linewidth": 0, "gid": f"arm-{number}.band"}
            axes.fill_between(mean.index, mean - sd, mean + sd, **band)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(rows) and rows["cumulative"].nunique() == 1:  # a single epoch: just enough room for its tick
        axes.set_xlim(0, 2)
    axes.set_xlabel("epoch, all stages")
    axes.grid(axis="y", color=GRID, zorder=-1)
    axes.set_ylabel(metric_words(score))
    axes.set_title(f"{word.capitalize()}: mean{' ± sd' * bands}")
    if rows.empty:
        axes.text(0.5, 0.5, f"no {word} {metric_words(score)} on disk", transform=axes.transAxes, ha="center")
        axes.set_yticks([])


def mean_curve(rows: pd.DataFrame, score: str, arm: str) -> tuple[pd.Series, pd.Series]:
    """Return mean and standard deviation of a score over the repeats of an arm, by epoch through all stages.

    They end with the shortest repeat: beyond it, the mean would be over fewer repeats. Without rows both are empty.

    Args:
        rows: of one mode of `SweepResults.history`.
        score: a column of it.
        arm: of which rows are taken.
    """
    if rows.empty:
        return pd.Series(dtype=float), pd.Series(dtype=float)
    own = rows.loc[rows["arm"] == arm, ["cumulative", "job", score]].astype({score: float})
    curves = own.pivot(index="cumulative", columns="job", values=score).dropna()  # noqa: PD010
    return curves.mean(axis=1), curves.std(axis=1)
