"""Pictures of a page: images with mask outlines, and histograms, each as a PNG data URI."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from dermoscopy.data.store.reader import Store

# Okabe and Ito (2008), distinguishable with any colour vision; the first, of the lesion, is light for contrast
COLOURS = ("#FFFFFF", "#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#F0E442", "#0072B2")
TURNS = (
    "as it is",
    "mirrored left to right",
    "mirrored top to bottom",
    "rotated by 180°",
    "transposed",
    "rotated by 90° clockwise",
    "rotated by 90° anticlockwise",
    "transposed and rotated by 180°",
)
Scalar = TypeVar("Scalar", bound=np.generic)
LONG = 224  # pixels of the longer side of a picture
INK, FILL = "#8a8a8a", "#4a90c2"  # legible on light and on dark backgrounds
DPI = 150
COLUMNS, BINS = 3, 30  # of histograms
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color"), INK),
}


def visible(pixels: NDArray[np.uint8], frame: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return the part of a stored image or mask (H, W, C) that is not padding, at least one pixel."""
    bounds = []
    for axis in (0, 1):
        length, start, span = (int(frame[index + axis]) for index in (0, 2, 4))
        scale = pixels.shape[axis] / span
        low = min(round(max(0, -start) * scale), pixels.shape[axis] - 1)
        bounds.append(slice(low, max(low + 1, round((min(start + span, length) - start) * scale))))
    return pixels[bounds[0], bounds[1]]


def grey(image: NDArray[np.uint8], frame: NDArray[np.int32], side: int) -> NDArray[np.float32]:
    """Return the visible part of a stored image (H, W, 3) in grey, stretched to a square."""
    picture = Image.fromarray(visible(image, frame)).convert("L")
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS), np.float32)


def turned(picture: NDArray[Scalar], turn: int) -> NDArray[Scalar]:
    """Return a picture (H, W) or (H, W, C) in one of the eight orientations `TURNS`."""
    picture = picture.swapaxes(0, 1) if turn & 4 else picture
    picture = picture[::-1] if turn & 2 else picture
    return picture[:, ::-1] if turn & 1 else picture


def outlined(store: Store, row: int, masks: Sequence[int] = (), turn: int = 0) -> str:
    """Return a stored image, enlarged, with the outlines of the given masks, as a data URI."""
    frame = store.frame[row]
    image = turned(visible(store.image(mapped=True)[row], frame), turn)
    scale = LONG / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    picture = np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    planes = turned(visible(store.mask(mapped=True)[row], frame), turn)
    for plane in masks:
        present = Image.fromarray(np.uint8(planes[..., plane] == 1)).resize(size, Image.Resampling.NEAREST)
        inside = np.asarray(present, bool)
        picture[inside & ~binary_erosion(inside, iterations=2)] = mpl.colors.to_rgb(colour(plane)) * np.array(255)
    return _uri(Image.fromarray(picture).quantize(256))


def colour(plane: int) -> str:
    """Return the colour of a mask's outline."""
    return COLOURS[plane % len(COLOURS)]


def histograms(panels: Mapping[str, NDArray[np.number]], unit: str) -> str:
    """Return one histogram per panel, each with its own axes, as a data URI."""
    rows = -(-len(panels) // COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * COLUMNS, 1.9 * rows))  # laid out by hand: the automatic layouts take seconds
        figure.subplots_adjust(0.075, 0.42 / (1.9 * rows), 0.99, 1 - 0.25 / (1.9 * rows), wspace=0.3, hspace=0.55)
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, COLUMNS, squeeze=False).flat
        for axes in list(grid)[len(panels) :]:
            axes.set_axis_off()
        for axes, (name, values) in zip(figure.axes, panels.items(), strict=False):
            axes.hist(values, bins=BINS, color=FILL)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=values.dtype.kind in "iu", min_n_ticks=1))
            axes.set_title(name)
            axes.set_xlabel(unit)
            axes.set_ylabel("images")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, transparent=True)
    return _uri(Image.open(buffer))


def _uri(picture: Image.Image) -> str:
    buffer = BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
