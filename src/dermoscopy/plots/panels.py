"""Pages of square panels, laid out in inches from the upper left corner."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke
from numpy.typing import NDArray

from dermoscopy.plots.style import STYLE

PLAIN = STYLE | {"text.parse_math": False}  # an id may hold dollar signs
SIDE, GAP, EDGE = 1.6, 0.06, 0.1  # inches: a panel, between panels, the margin
LINE, FOOT = 0.17, 0.4  # inches: a line of text, below the panels for the legend
LETTERS, MOST_LINES = 19, 4  # letters per line beside or above a panel; lines of an id


def new_page(columns: int, height: float, title: str, note: str = "") -> tuple[Figure, Axes]:
    """Make a figure of `columns` panels' width, with a title, a line below it, and one axes in inches for all panels.

    One axes per panel would take ten times as long.
    """
    width = left(columns) - GAP + EDGE
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    axes.text(EDGE, EDGE, title, va="top", size=10.5, weight="bold")
    axes.text(EDGE, EDGE + 1.2 * LINE, note, va="top")
    return figure, axes


def left(column: int) -> float:
    """Return the left edge of a column."""
    return EDGE + column * (SIDE + GAP)


def show(
    axes: Axes,
    values: NDArray[np.generic],
    column: int,
    top: float,
    gid: str,
    colours: Colormap | str | None = None,
    highest: float = 255,
) -> None:
    """Draw pixels (H, W) or (H, W, 3) in a panel.

    Args:
        top: upper edge of the panel.
        gid: id of the image, stored with the picture.
        colours: a colour map of values from 0 to `highest`; a list of colours is for codes, without interpolation.
    """
    height, width = (length * SIDE / max(values.shape[:2]) for length in values.shape[:2])
    place = (left(column), left(column) + width, top + height, top)
    interpolation = "nearest" if isinstance(colours, ListedColormap) else "auto"
    axes.imshow(
        values, colours, vmin=0, vmax=highest, extent=place, aspect="auto", interpolation=interpolation, gid=gid
    )


def outline(axes: Axes, mask: NDArray[np.bool_], column: int, top: float, colour: str, width: float, edge: str) -> None:
    """Draw a line with a rim around a mask (H, W), also along the edge of the image."""
    if mask.any():
        pixel = SIDE / max(mask.shape)
        y, x = ((np.arange(-1, length + 1) + 0.5) * pixel for length in mask.shape)
        wide = np.pad(mask, 1).astype(float)
        lines = axes.contour(left(column) + x, top + y, wide, [0.5], colors=colour, linewidths=width)
        lines.set_path_effects(rim(width, edge))


def rim(width: float, colour: str) -> list[AbstractPathEffect]:
    """Return the rim of a line of this width, which makes it visible on any background."""
    return [withStroke(linewidth=width + 1, foreground=colour)]


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Draw a legend in the lower left corner."""
    width, height = figure.get_size_inches()
    corner = (EDGE / width, EDGE / height)
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=corner, borderaxespad=0, ncols=len(handles), frameon=False
    )


def wrapped(id: str) -> str:
    """Return an id broken into lines; a very long one without its middle, as its ends are more informative."""
    most = LETTERS * MOST_LINES
    text = id if len(id) <= most else f"{id[: most // 2 - 1]}…{id[-most // 2 :]}"
    return "\n".join(text[start : start + LETTERS] for start in range(0, len(text), LETTERS))
