"""Differences of the arms to the reference with their intervals, and the smallest difference that matters."""

from collections.abc import Hashable, Mapping
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dermoscopy.plots.style import COLOURS, FAINT, GRID, INK, STYLE
from dermoscopy.report.results.answer import Standing

# Shape, and colour and filling, of what is established about an arm: never by the colour alone.
SHAPES = {
    Standing.BETTER: ("^", COLOURS[2], True),
    Standing.WORSE: ("v", COLOURS[1], True),
    Standing.EQUIVALENT: ("D", COLOURS[0], True),
    Standing.UNKNOWN: ("o", INK, False),
    Standing.REFERENCE: ("s", INK, True),
}
LABEL = 20  # characters per line of an arm's name
FARTHEST = 3.0  # half widths of a usual interval that the axis shows; longer ones end in an arrow
ROW = 0.36  # inches per arm


def draw_forest(
    compared: pd.DataFrame,
    names: Mapping[str, str],
    standings: Mapping[str, Standing],
    reference: str,
    label: str,
    meaningful: float | None = None,
    images: bool = False,
    width: float = 4.8,
) -> Figure:
    """Draw one row per arm: its difference to the reference and the 95 % interval over repeats.

    Args:
        compared: result of `comparisons.compare`, without the reference.
        names: display names of the arms.
        standings: of the arms; the word stands at the end of the row.
        reference: name of what the arms are compared with, at zero.
        label: of the axis.
        meaningful: size of the smallest difference that matters, drawn as a band.
        images: whether to draw the interval over test images too, thinner and below.
        width: in inches.
    """
    with mpl.rc_context(STYLE):
        rows = compared.to_dict("index")
        labels = [fill(names[str(arm)], LABEL) for arm in rows]
        height = 0.95 + sum(ROW + 0.13 * text.count("\n") for text in labels)
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        if meaningful is not None:
            axes.axvspan(-meaningful, meaningful, color=GRID, linewidth=0, zorder=0)
        axes.axvline(0, color=FAINT, linewidth=1, zorder=1)
        low, high = limits(compared, meaningful, images)
        for place, (arm, row) in enumerate(rows.items()):
            _row(axes, place, row, standings[str(arm)], (low, high), images)
            axes.text(1.02, place, standings[str(arm)], transform=axes.get_yaxis_transform(), va="center")
        axes.set_xlim(low, high)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), labels)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        axes.set_xlabel(label)
        axes.set_title(f"{fill(reference, 40)} at 0", fontsize=8.5, color=INK, loc="center")
    return figure


def limits(compared: pd.DataFrame, meaningful: float | None, images: bool) -> tuple[float, float]:
    """Return the ends of the axis: every difference, the band and zero are within, but no interval that dwarfs all.

    Two repeats can have an interval twenty times as long as the others, which would leave nothing to see.
    """
    values = [0.0, *compared["difference"], *([] if meaningful is None else [-1.2 * meaningful, 1.2 * meaningful])]
    kinds = [("low", "high"), *([("image_low", "image_high")] if images else [])]
    half = pd.concat([(compared[high] - compared[low]) / 2 for low, high in kinds]).dropna()
    reach = FARTHEST * float(half.median()) if len(half) else 0.0
    inner = np.array([value for value in values if np.isfinite(value)])
    for low, high in kinds:
        ends = pd.concat(
            [
                compared[low].clip(compared["difference"] - reach),
                compared[high].clip(upper=compared["difference"] + reach),
            ]
        )
        inner = np.concatenate([inner, ends.dropna()])
    margin = 0.06 * (inner.max() - inner.min()) or 0.05
    return float(inner.min() - margin), float(inner.max() + margin)


def _row(
    axes: Axes, place: int, row: Mapping[Hashable, Any], standing: Standing, ends: tuple[float, float], images: bool
) -> None:
    marker, colour, filled = SHAPES[standing]
    lines = [
        (row["low"], row["high"], 0.0, 1.8),
        *([(row["image_low"], row["image_high"], 0.24, 0.9)] if images else []),
    ]
    for low, high, down, width in lines:
        if not np.isfinite(low):
            continue
        shown = [max(low, ends[0]), min(high, ends[1])]
        axes.plot(
            shown, [place + down] * 2, color=colour, linewidth=width, solid_capstyle="butt", gid=f"row-{place}.line"
        )
        for end, cut, arrow in ((ends[0], low < ends[0], "<"), (ends[1], high > ends[1], ">")):
            if cut:
                axes.plot(end, place + down, arrow, color=colour, markersize=5, clip_on=False)
    face = colour if filled else "white"
    style: dict[str, Any] = {"markersize": 7.5, "markerfacecolor": face, "markeredgewidth": 1.5, "zorder": 3}
    axes.plot(row["difference"], place, marker, color=colour, gid=f"row-{place}", **style)
