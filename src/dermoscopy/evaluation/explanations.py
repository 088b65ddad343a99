"""Where a classifier finds its evidence (Grad-CAM), what it reads from its masks, and a picture of both."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from dermoscopy.analysis.figures import COLOURS, FAINT, INK
from dermoscopy.evaluation.layout import EDGE, GAP, LETTERS, LINE, PLAIN, SIDE, left, new_page, outline, show, wrapped

TOP = 0.85  # inches above the rows
DARKEST, BRIGHTEST = 0.15, 0.6  # of the grey image below the evidence, which has to stand out on any skin
HEAT = mpl.colormaps["inferno"]
NAME, VALUE = 1.35, 0.5  # inches beside the bars: the names of masks, the numbers
LONGEST = 18  # letters of a mask's name
LEAST = 1e-9  # influence that a full bar stands for, where all are 0


class Unexplained(ValueError):
    """A network that offers no feature maps to look at."""


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and each of its modules back into its own."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _maps(network: Any, image: Tensor, mask: Tensor | None) -> Tensor:
    """Return the feature maps (B, C, h, w) of a network in evaluation mode, cut off from what made them."""
    name = type(network).__name__
    if not (inspect.ismethod(getattr(network, "features", None)) and callable(getattr(network, "head", None))):
        raise Unexplained(f"{name} has no methods features(image, mask) and head(features), between which to look")
    try:
        with torch.no_grad():
            maps: Tensor = network.features(image, mask)
    except ValueError as error:  # of a backbone that has no maps
        raise Unexplained(error) from error
    if maps.ndim != 4:
        raise Unexplained(f"the features of {name} are no maps (B, C, h, w), their shape is {tuple(maps.shape)}")
    return maps


def cells(network: Any, image: Tensor) -> tuple[int, int]:
    """Return height and width of the feature maps: what Grad-CAM can tell apart in an image.

    Raises:
        Unexplained: see `grad_cam`.
    """
    with _evaluating(network):
        height, width = _maps(network, image[:1], None).shape[2:]
    return height, width


def grad_cam(network: Any, image: Tensor, mask: Tensor | None, label: int) -> Tensor:
    """Return where the evidence for a label lies, (B, H, W) in 0 ... 1.

    Only what speaks for the label is seen. Each image is divided by its own maximum: how much evidence there is does
    not show, but for none, which is 0 everywhere. Works under inference mode as well, and leaves no gradients.

    Args:
        network: with ``features(image, mask)``, maps (B, C, h, w), and ``head(features)``, logits (B, L).
        image, mask: normalised (B, 3, H, W), and (B, K, H, W) in -1, 0, +1; None is all unknown.
        label: position of the label.

    Raises:
        Unexplained: a network without the two, or whose features are no maps.

    Source: Selvaraju et al. (2017), Grad-CAM, equations 1 and 2.
    """
    with _evaluating(network), torch.inference_mode(False), torch.enable_grad():
        maps = _maps(network, image, mask).clone().requires_grad_()  # A; only a clone made here can have a gradient
        logits = network.head(maps)  # y (B, L)
        (gradient,) = torch.autograd.grad(logits[:, label].sum(), maps)
    weight = gradient.float().mean((2, 3), keepdim=True)  # alpha (B, C, 1, 1)
    evidence = (weight * maps.detach().float()).sum(1, keepdim=True).relu()
    evidence = nn.functional.interpolate(evidence, image.shape[2:], mode="bilinear")[:, 0]
    highest = evidence.amax((1, 2), keepdim=True)
    return evidence / highest.where(highest > 0, 1)


def mask_influence(network: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """Return by how much each given mask raises each logit, (B, K, L).

    It is the logit with all masks less that with this one unknown: what one mask adds to the others, so that of two
    masks that say the same neither need have any influence. That of a mask which is not given is 0. Of exclusive labels
    only differences between labels mean something: what raises all logits alike changes no probability.
    """
    hidden = (mask.index_fill(1, torch.tensor([k], device=mask.device), 0) for k in range(mask.shape[1]))
    with _evaluating(network), torch.no_grad():
        logits = torch.stack([network(image, masks).float() for masks in (mask, *hidden)], dim=1)  # (B, 1 + K, L)
    return logits[:, :1] - logits[:, 1:]


def influence_table(influence: NDArray[np.float32], masks: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """Return mean and sd of the influence over the images that have a mask; both are NaN where they are undefined.

    Args:
        influence: (N, K, L) of `mask_influence`, NaN where an image lacks the mask.
        masks, labels: their names.
    """
    values = pd.DataFrame(
        influence.reshape(len(influence), -1),
        columns=pd.MultiIndex.from_product([masks, labels], names=["mask", "label"]),
    )
    return (
        values.agg(["mean", "std", "count"])
        .T.set_axis(["mean", "sd", "images"], axis=1)
        .astype({"images": int})
        .reset_index()
    )


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network made of one image, for one label.

    Attributes:
        kind: why the image is shown, such as "true positive, 1/9".
        image: RGB uint8 (H, W, 3).
        cells: height and width of the feature maps below the evidence.
        evidence: Grad-CAM (H, W) by what masks were given: `none`, and `given` where the network reads masks.
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
        rows: all with the same availabilities; the masks are left out where none is `given`.
        label: that was looked at.
        masks: names of the K masks.
    """
    availabilities = list(rows[0].evidence)
    reads_masks, last = "given" in availabilities, 2 + len(availabilities)
    widest = float(np.nanmax(np.abs([row.influence for row in rows]), initial=LEAST))
    note = "Grad-CAM of {} x {} cells, each picture with its own scale".format(*rows[0].cells)
    with mpl.rc_context(PLAIN):
        height = TOP + len(rows) * (SIDE + GAP) + EDGE
        figure, axes = new_page(last + 2 * reads_masks, height, f"{label}: where the evidence for it lies", note)
        heads = ["image", *(f"masks {name}" for name in availabilities)]
        for column, head in enumerate(heads + ["influence of a mask on the logit"] * reads_masks, start=1):
            axes.text(left(column), TOP - 0.07, head, size=10)
        for number, row in enumerate(rows):
            top = TOP + number * (SIDE + GAP)
            _text(axes, top, row)
            show(axes, row.image, 1, top, row.id)
            for column, name in enumerate(availabilities, start=2):
                _evidence(axes, column, top, row, name)
            if reads_masks:
                _bars(axes, last, top, row, masks, widest)
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


def _evidence(axes: Axes, column: int, top: float, row: Explanation, availability: str) -> None:
    evidence = row.evidence[availability]
    show(axes, _heated(row.image, evidence), column, top, row.id, highest=1)
    if not evidence.any():
        axes.text(left(column) + SIDE / 2, top + SIDE / 2, "none", color="white", ha="center", va="center", gid=row.id)
    if availability == "given":
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
