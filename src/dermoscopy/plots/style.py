"""Style of all figures: colours, sizes, names of metrics."""

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dermoscopy.machine.files import write_atomically

# Okabe and Ito (2008), distinguishable with any colour vision; without yellow, which is hardly visible on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


INK, FAINT, GRID = "#333333", "#999999", "#eeeeee"


STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,  # names of labels, arms and images may hold dollar signs
}


DPI = 120


PALETTE = 128  # colours


WORDS = {  # parts of names of metrics that are not written as they are
    "f1": "F1",
    "iou": "IoU",
    "dice": "Dice",
    "auroc": "AUROC",
    "pauc": "pAUC",
    "jaccard": "Jaccard",
    "task2": "Task 2",
    "youden": "Youden",
    "hd95": "HD95",
}


MOST_BANDS = 8  # with more arms the bands would hide one another


def save_figure(figure: Figure, path: Path, dpi: int = DPI, small: bool = True) -> Path:
    """Write a figure as PNG or SVG, depending on the file name, see `figure_bytes`."""
    return write_atomically(path, figure_bytes(figure, path.name, dpi, small))


def figure_bytes(figure: Figure, name: str, dpi: int = DPI, small: bool = True) -> bytes:
    """Return a figure as PNG or SVG; the same figure gives the same bytes, but drawn once more it may have moved.

    Args:
        figure: to draw.
        name: of its file, whose end chooses the format.
        dpi: pixels per inch of a PNG.
        small: whether to reduce a PNG to a palette, which takes twice the time.
    """
    buffer = BytesIO()
    if name.endswith(".svg"):
        with mpl.rc_context({"svg.hashsalt": name.removesuffix(".svg")}):  # otherwise ids within the file are random
            figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()
    figure.savefig(buffer, format="png", dpi=dpi)
    if small:
        image, buffer = Image.open(buffer).convert("RGB").quantize(PALETTE), BytesIO()
        image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def arm_colours(number: int) -> list[str]:
    """Return distinguishable colours, one per arm."""
    if number <= len(COLOURS):
        return list(COLOURS[:number])
    dark = 0.8 * mpl.colormaps["turbo"](np.linspace(0.05, 0.95, number))[:, :3]  # its green is too light
    return [mpl.colors.to_hex(colour) for colour in dark]


def metric_words(metric: str) -> str:
    """Return the name of a metric for axes and headings: `f1_at_youden/streaks` is F1 at Youden streaks."""
    name, _, part = metric.partition("/")
    words = [WORDS.get(word, word) for word in name.split("_")]
    return " ".join([*words, *([part.replace("_", " ")] if part else [])])
