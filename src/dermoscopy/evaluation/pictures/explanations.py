"""Picture of a classifier's Grad-CAM heatmaps and of the influence of its masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dermoscopy.plots.panels import EDGE, GAP, LETTERS, LINE, PLAIN, SIDE, left, new_page, outline, show, wrapped
from dermoscopy.plots.style import COLOURS, FAINT, INK

TOP = 0.85  # inches above the rows
DARKEST, BRIGHTEST = 0.15, 0.6  # of the grey image below the heatmap, which has to stand out on any skin
HEAT = mpl.colormaps["inferno"]
NAME, VALUE = 1.35, 0.5  # inches beside the bars: the names of masks, the numbers
LONGEST = 18  # letters of a mask's name
LEAST = 1e-9  # influence at a full bar if all are 0


@dataclass(frozen=True, eq=False)
class Explanation:
    """Heatmaps and mask influences of one image, for one label.

    Attributes:
        kind: why the image is shown, such as "true positive, 1/9".
        image: RGB uint8 (H, W, 3).
        cells: height and width of the feature maps below the heatmap.
        heatmap: Grad-CAM (H, W) by mask condition, such as `none`; only one if the network reads no masks.
        probability: of the label, by mask condition.
        masks: bool (K, H, W), where the masks are present.
        influence: (K,) of each mask on the label's logit, NaN for a mask that is not given.
    """

    kind: str
    id: str
    group: str
    truth: bool
    image: NDArray[np.uint8]
    cells: tuple[int, int]
    heatmap: Mapping[str, NDArray[np.float32]]
    probability: Mapping[str, float]
    masks: NDArray[np.bool_]
    influence: NDArray[np.float32]


def draw_explanations(rows: Sequence[Explanation], label: str, masks: Sequence[str]) -> Figure:
    """Draw the image, its heatmaps with and without masks, and the influence of each mask, one row per image.

    Args:
        rows: all with the same mask conditions; without `given` the masks are left out.
        label: the explained label.
        masks: names of the K masks.
    """
    conditions = list(rows[0].heatmap)
    reads_masks = "given" in conditions
    headings = ["image", *(f"masks {name}" for name in conditions)]
    panels = 1 + len(headings)  # the first one is text
    if reads_masks:
        headings.append("influence of a mask on the logit")
    widest = float(np.nanmax(np.abs([row.influence for row in rows]), initial=LEAST))
    note = "Grad-CAM of {} x {} cells, one scale per heatmap".format(*rows[0].cells)
    with mpl.rc_context(PLAIN):
        height = TOP + len(rows) * (SIDE + GAP) + EDGE
        figure, axes = new_page(panels + 2 if reads_masks else panels, height, f"{label}: Grad-CAM heatmaps", note)
        for column, heading in enumerate(headings, start=1):
            axes.text(left(column), TOP - 0.07, heading, size=10)
        for number, row in enumerate(rows):
            top = TOP + number * (SIDE + GAP)
            _text(axes, top, row)
            show(axes, row.image, 1, top, row.id)
            for column, name in enumerate(conditions, start=2):
                _draw_heatmap(axes, column, top, row, name)
            if reads_masks:
                _bars(axes, panels, top, row, masks, widest)
    return figure


def _overlay(image: NDArray[np.uint8], heatmap: NDArray[np.float32]) -> NDArray[np.float64]:
    """Lay a heatmap over the grey image, more opaque where it is higher; RGB (H, W, 3) in 0 ... 1."""
    grey = DARKEST + (BRIGHTEST - DARKEST) * image.mean(-1, keepdims=True) / 255
    opacity = 0.75 * heatmap[..., None]
    return grey * (1 - opacity) + HEAT(heatmap)[..., :3] * opacity


def _text(axes: Axes, top: float, row: Explanation) -> None:
    group = _shortened(f"group {row.group}", LETTERS)
    lines = [
        wrapped(row.id),
        group,
        f"truth {int(row.truth)}",
        *(f"p = {p:.3f} {name}" for name, p in row.probability.items()),
    ]
    axes.text(EDGE, top, row.kind, va="top", weight="bold", gid=row.id)
    axes.text(EDGE, top + 1.2 * LINE, "\n".join(lines), va="top", gid=row.id)


def _draw_heatmap(axes: Axes, column: int, top: float, row: Explanation, condition: str) -> None:
    heatmap = row.heatmap[condition]
    show(axes, _overlay(row.image, heatmap), column, top, row.id, highest=1)
    if not heatmap.any():
        axes.text(left(column) + SIDE / 2, top + SIDE / 2, "none", color="white", ha="center", va="center", gid=row.id)
    if condition == "given":
        for mask, colour in zip(row.masks, cycle(COLOURS), strict=False):
            outline(axes, mask, column, top, colour, width=1, edge="white")


def _bars(axes: Axes, column: int, top: float, row: Explanation, masks: Sequence[str], widest: float) -> None:
    """Draw one bar per mask, to the right where it raises the logit; all rows share the scale of the widest."""
    start, step = left(column) + NAME, SIDE / len(masks)
    half = (left(column + 2) - GAP - VALUE - start) / 2
    size, zero = min(9, 50 * step), start + half
    y, colours = top + (np.arange(len(masks)) + 0.5) * step, list(islice(cycle(COLOURS), len(masks)))
    axes.vlines(zero, top, top + SIDE, FAINT, linewidth=0.8)
    axes.barh(y, half * np.nan_to_num(row.influence) / widest, 0.6 * step, left=zero, color=colours)
    for middle, name, value, colour in zip(y, masks, row.influence, colours, strict=True):
        axes.text(left(column), middle, _shortened(name, LONGEST), va="center", size=size, color=colour)
        words = "not given" if np.isnan(value) else f"{value:+.2f}"
        axes.text(zero + half + VALUE, middle, words, va="center", ha="right", size=size, color=INK)


def _shortened(text: str, most: int) -> str:
    """Return a text, cut if it is too long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
