"""Geometry: the rectangle of an original image that a stored image of another shape shows.

The box is that rectangle in pixels of the original. It is the whole image for `stretch`, lies inside it for `crop`
and reaches beyond it for `pad`, so one map serves all three: stored row i shows the original's rows
top + i * height / H to top + (i + 1) * height / H, and columns alike. The box is centred and made of whole pixels.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Fit = Literal["pad", "crop", "stretch"]
Scalar = TypeVar("Scalar", bound=np.generic)


class Frame(NamedTuple):
    """Original height and width, and the box of the original that is stored, all in original pixels."""

    original_height: int
    original_width: int
    top: int
    left: int
    height: int
    width: int


def checked_size(size: object) -> tuple[int, int]:
    """Return (height, width).

    Raises:
        ValueError: `size` is not two positive whole numbers.
    """
    sides = [*size] if isinstance(size, Sequence) and not isinstance(size, str) else []
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        example = f"[{size},{size}]" if type(size) is int and size > 0 else "[64,64]"
        raise ValueError(
            f"size must be two whole numbers of at least 1, height and width, such as {example}, got {size}"
        )
    return sides[0], sides[1]


def place(original: Sequence[int], size: Sequence[int], fit: str) -> Frame:
    """Fit an image of `original` height and width into `size`.

    Args:
        original: height and width in pixels.
        size: height and width of the stored image.
        fit: `pad` shows the whole image and `crop` fills `size`, both with the aspect ratio kept; `stretch` does both
            without keeping it.

    Raises:
        ValueError: `fit` is none of the three.
    """
    if fit not in get_args(Fit):
        raise ValueError(f"fit must be pad, crop or stretch, got {fit}")
    (height, width), (rows, columns) = original, size
    if fit == "stretch":
        return Frame(height, width, 0, 0, height, width)
    ratios = height / rows, width / columns  # original pixels per stored pixel
    ratio = max(ratios) if fit == "pad" else min(ratios)
    box = max(1, round(ratio * rows)), max(1, round(ratio * columns))
    return Frame(height, width, (height - box[0]) // 2, (width - box[1]) // 2, *box)


def restore(values: NDArray[Scalar], frame: Sequence[int], fill: float = 0) -> NDArray[Scalar]:
    """Map a stored mask, or a prediction for one, back to the original image, for any fit.

    Masks (bool, uint8) take the nearest value, probabilities (float) are interpolated.

    Args:
        values: (H, W) or (H, W, K), of the store's height and width.
        frame: the image's row of the store's `frame`.
        fill: value of original pixels that were cropped away.

    Returns:
        (original height, original width) or the same with K.
    """
    if values.ndim == 3:
        return np.stack([restore(plane, frame, fill) for plane in np.moveaxis(values, -1, 0)], axis=-1)
    height, width, top, left, box_height, box_width = (int(value) for value in frame)
    y = np.array([max(top, 0), min(top + box_height, height)])
    x = np.array([max(left, 0), min(left + box_width, width)])
    box = (*_stored(x, left, box_width, values.shape[1]), *_stored(y, top, box_height, values.shape[0]))
    discrete = values.dtype in (np.bool_, np.uint8)
    plane = Image.fromarray(values.astype(np.uint8 if discrete else np.float32))
    method = Image.Resampling.NEAREST if discrete else Image.Resampling.BILINEAR
    part = plane.resize((int(x[1] - x[0]), int(y[1] - y[0])), method, box=(box[0], box[2], box[1], box[3]))
    result = np.full((height, width), fill, dtype=values.dtype)
    result[y[0] : y[1], x[0] : x[1]] = np.asarray(part)
    return result


def _stored(positions: NDArray[np.int_], start: int, length: int, count: int) -> tuple[float, float]:
    """Return two positions on one axis of the original as positions in the stored image."""
    first, last = (positions - start) * count / length
    return float(first), float(last)
