"""Pictures of segmentations: panels of single images, outlines during training, histograms of scores.

Save them with `dermoscopy.plots.style.save_figure(..., small=False)`: a palette would change photographs and colours.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dermoscopy.evaluation.images import OUTCOMES, Case, Find
from dermoscopy.evaluation.segmentation import Evaluation
from dermoscopy.machine.files import file_name
from dermoscopy.metrics.segmentation import THRESHOLD
from dermoscopy.plots.panels import (
    EDGE,
    FOOT,
    GAP,
    LINE,
    PLAIN,
    SIDE,
    left,
    legend,
    new_page,
    outline,
    rim,
    show,
    wrapped,
)
from dermoscopy.plots.style import COLOURS, INK, save_figure

METRICS = {"dice": "Dice", "iou": "IoU", "thresholded_jaccard": "thresholded Jaccard", "hd95": "HD95 in pixels"}
PANELS = ("image", "truth", "probability", "errors")
UNKNOWN = "#DDDDDD"
# with red-green blindness, green would look like the grey image below
OUTCOME_COLOURS = dict(zip(OUTCOMES, ("#F0E442", "#D55E00", "#0072B2", "none", UNKNOWN), strict=True))
OPACITY = {"true positive": 0.65}  # 1 for the others: correct pixels need not hide the image
BRIGHTEST = 400  # white of the image below the errors, darkened so that all of them stand out
OUTLINES = {"truth": ("white", 2.6), "prediction": ("#56B4E9", 1.2)}  # colour and width, the thinner one on top
TOP = 0.85  # inches above the panels of a test
ROUNDING = 0.005  # by which Dice of the table and of the drawn pixels may differ
BINS = 40
LIMITS = {"iou": THRESHOLD, "dice": 2 * THRESHOLD / (1 + THRESHOLD)}  # below fails; Dice = 2 IoU / (1 + IoU)


def write_pictures(folder: Path, evaluation: Evaluation, find: Find, panels: int) -> None:
    """Draw the best, median and worst images and the histogram of Dice, at the size of the store."""
    table = evaluation.images[evaluation.images["size"] == "store"]
    for mask, figure in draw_panels(table, find, panels).items():
        several = table["mask"].nunique() > 1
        save_figure(
            figure, folder / (f"panels-{file_name(mask)}.png" if several else "panels.png"), dpi=80, small=False
        )
    save_figure(draw_histogram(table), folder / "dice.png", dpi=80, small=False)


def draw_panels(table: pd.DataFrame, find: Find, n: int) -> dict[str, Figure]:
    """Draw image, truth, probability and errors of the best, median and worst images, one figure per mask.

    Images whose Dice is NaN are not ranked, nor are images empty in truth and prediction: for a structure that most
    images lack, the picture would show only those. If the Dice of the drawn pixels differs from the table, the row has
    both.

    Args:
        table: one row per image and mask: id, mask, dice, iou, truth and predicted (pixels).
        find: returns the case of an id and mask.
        n: images of each kind; fewer if there are not three times as many.

    Returns:
        Figures by mask; none for a mask without a ranked image.

    Raises:
        ValueError: an image and mask is in the table twice.
    """
    duplicates = table[table.duplicated(["id", "mask"])]
    if len(duplicates):
        raise ValueError(
            f"{duplicates['id'].iloc[0]}, {duplicates['mask'].iloc[0]} is in the table twice: keep the rows of one size"
        )
    figures = {str(mask): _panels(str(mask), rows, find, n) for mask, rows in table.groupby("mask", sort=False)}
    return {mask: figure for mask, figure in figures.items() if figure is not None}


def _panels(mask: str, table: pd.DataFrame, find: Find, n: int) -> Figure | None:
    empty, defined = (table["truth"] == 0) & (table["predicted"] == 0), table["dice"].notna()
    ranked = table[defined & ~empty].sort_values(["dice", "id"], ascending=[False, True]).to_dict("records")
    if not ranked:
        return None
    places = _places(len(ranked), n)
    note = f"{len(table)} images: {len(ranked)} ranked, {(~defined).sum()} undefined, "
    note += f"{(defined & empty).sum()} empty in truth and prediction"
    height = TOP + len(places) * (SIDE + GAP) + FOOT
    with mpl.rc_context(PLAIN):
        figure, axes = new_page(1 + len(PANELS), height, f"{mask}: best, median and worst Dice", note)
        for column, name in enumerate(PANELS, start=1):
            axes.text(left(column), TOP - 0.07, name, size=10)
        for row, (position, place) in enumerate(places.items()):
            scores, top = ranked[position], TOP + row * (SIDE + GAP)
            case = find(scores["id"], mask)
            _text(axes, top, case, f"{place}: {position + 1} of {len(ranked)}", scores)
            _pixels(axes, top, case)
        colours = {name: colour for name, colour in OUTCOME_COLOURS.items() if colour != "none"}
        legend(figure, [Patch(color=colour, label=name) for name, colour in colours.items()])
    return figure


def _places(images: int, n: int) -> dict[int, str]:
    """Return the positions of the best, median and worst images in their ranking, none of them twice."""
    n = min(n, max(1, images // 3))
    starts = {"worst": images - n, "median": (images - n) // 2, "best": 0}
    places = {start + step: place for place, start in starts.items() for step in range(n)}
    return dict(sorted(places.items()))


def _text(axes: Axes, top: float, case: Case, place: str, scores: Mapping[Hashable, float]) -> None:
    """Write the rank, id and scores of an image; each text has the id as its gid."""
    lines = [wrapped(case.id), "", f"Dice {scores['dice']:.3f}", f"IoU {scores['iou']:.3f}"]
    axes.text(EDGE, top, place, va="top", weight="bold", gid=case.id)
    axes.text(EDGE, top + 1.2 * LINE, "\n".join(lines), va="top", gid=case.id)
    if not np.isclose(scores["dice"], case.dice, rtol=0, atol=ROUNDING, equal_nan=True):
        words = f"drawn: Dice {case.dice:.3f}"
        axes.text(EDGE, top + SIDE, words, va="bottom", weight="bold", color=COLOURS[1], gid=case.id)


def _pixels(axes: Axes, top: float, case: Case) -> None:
    """Fill the panels of a case; each picture has the id as its gid."""
    codes = ListedColormap(["black", "white", UNKNOWN])
    kinds = ListedColormap([to_rgba(c, OPACITY.get(k, 1)) if c != "none" else c for k, c in OUTCOME_COLOURS.items()])
    show(axes, case.image, 1, top, case.id)
    show(axes, np.minimum(case.truth, 2), 2, top, case.id, codes, highest=2)
    show(axes, case.probability, 3, top, case.id, "gray", highest=1)
    show(axes, case.image.mean(axis=-1), 4, top, case.id, "gray", BRIGHTEST)
    show(axes, case.outcome, 4, top, case.id, kinds, len(OUTCOMES) - 1)


def draw_epoch(cases: Sequence[Case], title: str, columns: int = 4) -> Figure:
    """Draw images with the outlines of truth and prediction, to follow the training over epochs.

    Args:
        cases: drawn in this order.
        title: such as the epoch.
        columns: of the grid.
    """
    several = len({case.mask for case in cases}) > 1
    names = [wrapped(case.id) + (f"\n{case.mask}" if several else "") for case in cases]
    step = SIDE + GAP + (2.2 + max(name.count("\n") for name in names)) * LINE  # a panel and the text above it
    with mpl.rc_context(PLAIN):
        rows, widest = -(-len(cases) // columns), max(2, min(columns, len(cases)))  # the legend is two panels wide
        figure, axes = new_page(widest, 2 * LINE + rows * step + FOOT, title)
        for position, (case, name) in enumerate(zip(cases, names, strict=True)):
            row, column = divmod(position, columns)
            top = 2 * LINE + (row + 1) * step - SIDE
            show(axes, case.image, column, top, case.id)
            for mask, (colour, width) in zip((case.truth == 1, case.predicted), OUTLINES.values(), strict=True):
                outline(axes, mask, column, top, colour, width, INK)
            axes.text(left(column), top - 0.02, f"{name}\nDice {case.dice:.3f}", va="bottom", size=9, gid=case.id)
        legend(
            figure,
            [
                Line2D([], [], label=name, color=colour, linewidth=width, path_effects=rim(width, INK))
                for name, (colour, width) in OUTLINES.items()
            ],
        )
    return figure


def draw_histogram(table: pd.DataFrame, metric: str = "dice") -> Figure:
    """Draw the histogram of a score over images, one panel per mask, with mean, median and failures (IoU below 0.65).

    Args:
        table: one row per image and mask: mask, iou and the metric; NaN is undefined, and only counted.
        metric: a column of the table.
    """
    masks = list(table["mask"].unique())
    with mpl.rc_context(PLAIN):
        figure = Figure(figsize=(8, 0.4 + 2.4 * len(masks)), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, mask in zip(figure.subplots(len(masks), 1, squeeze=False)[:, 0], masks, strict=True):
            rows = table[table["mask"] == mask]
            defined = rows[rows[metric].notna()]
            failed = (defined["iou"] < THRESHOLD).to_numpy()
            _histogram(axes, defined[metric].to_numpy(float), failed, metric)
            axes.plot([], [], " ", label=f"{len(rows)} images,\n{len(rows) - len(defined)} of them undefined")
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, borderaxespad=0)
            axes.set_title(mask)
    return figure


def _histogram(axes: Axes, scores: NDArray[np.float64], failed: NDArray[np.bool_], metric: str) -> None:
    """Draw stacked bars of failed and other images, with lines at mean, median and limit."""
    name, bins = METRICS.get(metric, metric), np.linspace(0, max(1.0, scores.max(initial=0)), BINS + 1)
    axes.hist([scores[failed], scores[~failed]], bins.tolist(), stacked=True, color=[COLOURS[1], COLOURS[4]])
    if len(scores):
        axes.axvline(scores.mean(), color=INK, label=f"mean {scores.mean():.3f}")
        axes.axvline(np.median(scores), color=INK, linestyle="--", label=f"median {np.median(scores):.3f}")
    failures = f"{failed.sum()} of {len(failed)} fail:\nIoU < {THRESHOLD}"
    axes.plot([], [], "s", color=COLOURS[1], label=failures)
    if metric in LIMITS:
        label = f"{name} {LIMITS[metric]:.3f}, the limit"
        axes.axvline(LIMITS[metric], color=COLOURS[1], linestyle=":", label=label)
    axes.set_xlabel(f"{name} per image")
    axes.set_ylabel("images")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
