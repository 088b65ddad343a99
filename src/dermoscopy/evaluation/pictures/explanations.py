"""A picture of where a classifier finds its evidence, and of what it reads from its masks."""

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
DARKEST, BRIGHTEST = 0.15, 0.6  # of the grey image below the evidence, which has to stand out on any skin
HEAT = mpl.colormaps["inferno"]
NAME, VALUE = 1.35, 0.5  # inches beside the bars: the names of masks, the numbers
LONGEST = 18  # letters of a mask's name
LEAST = 1e-9  # influence that a full bar stands for, where all are 0


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network made of one image, for one label.

    Attributes:
        kind: why the image is shown, such as "true positive, 1/9".
        image: RGB uint8 (H, W, 3).
        cells: height and width of the feature maps below the evidence.
        evidence: Grad-CAM (H, W) by what masks were given, such as `none`; one where the network reads none.
        probability: of the label, by the same.
        masks: bool (K, H, W), where the masks are present.
        influence: (K,) of each mask on the label's logit, NaN where it is not given.
    """

    kind: str
    id: str
    group: str
    truth: bool
    image: NDArray[np.uint8]
    cells: tuple[int, int]
    evidence: Mapping[str, NDArray[np.float32]]
    probability: Mapping[str, float]
    masks: NDArray[np.bool_]
    influence: NDArray[np.float32]


def draw_explanations(rows: Sequence[Explanation], label: str, masks: Sequence[str]) -> Figure:
    """Draw the image, its evidence with and without masks, and the influence of each mask, one row an image.

    Args:
        rows: all with the same conditions; the masks are left out where none is `given`.
        label: that was looked at.
        masks: names of the K masks.
    """
    conditions = list(rows[0].evidence)
    reads_masks = "given" in conditions
    heads = ["image", *(f"masks {name}" for name in conditions)]
    panels = 1 + len(heads)  # the text is the first
    if reads_masks:
        heads.append("influence of a mask on the logit")
    widest = float(np.nanmax(np.abs([row.influence for row in rows]), initial=LEAST))
    note = "Grad-CAM of {} x {} cells, each picture with its own scale".format(*rows[0].cells)
    with mpl.rc_context(PLAIN):
        height = TOP + len(rows) * (SIDE + GAP) + EDGE
        figure, axes = new_page(
            panels + 2 if reads_masks else panels, height, f"{label}: where the evidence for it lies", note
        )
        for column, head in enumerate(heads, start=1):
            axes.text(left(column), TOP - 0.07, head, size=10)
        for number, row in enumerate(rows):
            top = TOP + number * (SIDE + GAP)
            _text(axes, top, row)
            show(axes, row.image, 1, top, row.id)
            for column, name in enumerate(conditions, start=2):
                _evidence(axes, column, top, row, name)
            if reads_masks:
                _bars(axes, panels, top, row, masks, widest)
    return figure


def _heated(image: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.float64]:
    """Lay evidence over the grey of an image, the more opaque the more there is; RGB (H, W, 3) in 0 ... 1."""
    grey = DARKEST + (BRIGHTEST - DARKEST) * image.mean(-1, keepdims=True) / 255
    opacity = 0.75 * evidence[..., None]
    return grey * (1 - opacity) + HEAT(evidence)[..., :3] * opacity


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


def _evidence(axes: Axes, column: int, top: float, row: Explanation, condition: str) -> None:
    evidence = row.evidence[condition]
    show(axes, _heated(row.image, evidence), column, top, row.id, highest=1)
    if not evidence.any():
        axes.text(left(column) + SIDE / 2, top + SIDE / 2, "none", color="white", ha="center", va="center", gid=row.id)
    if condition == "given":
        for mask, colour in zip(row.masks, cycle(COLOURS), strict=False):
            outline(axes, mask, column, top, colour, width=1, edge="white")


def _bars(axes: Axes, column: int, top: float, row: Explanation, masks: Sequence[str], widest: float) -> None:
    """Draw one bar a mask, to the right where it speaks for the label; all rows have the scale of the widest."""
    start, step = left(column) + NAME, SIDE / len(masks)
    half = (left(column + 2) - GAP - VALUE - start) / 2
    size, zero = min(9, 50 * step), start + half
    y, colours = top + (np.arange(len(masks)) + 0.5) * step, list(islice(cycle(COLOURS), len(masks)))
    axes.vlines(zero, top, top + SIDE, FAINT, linewidth=0.8)
    axes.barh(y, half * np.nan_to_num(row.influence) / widest, 0.6 * step, left=zero, color=colours)
    for middle, name, value, colour in zip(y, masks, row.influence, colours, strict=True):
        axes.text(left(column), middle, _shortened(name, LONGEST), va="center", size=size, color=colour)
        told = "not given" if np.isnan(value) else f"{value:+.2f}"
        axes.text(zero + half + VALUE, middle, told, va="center", ha="right", size=size, color=INK)


def _shortened(text: str, most: int) -> str:
    """Cut a text that is too long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
