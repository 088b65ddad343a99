"""Fields over a photograph: its coordinates, smooth noise and smooth steps.

Lengths are in reference pixels, those of a photograph of 192 x 256 px; any other size shows the same scene with more
or fewer pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Field = NDArray[np.floating]  # (H,W), or (P,) for some pixels
Mask = NDArray[np.bool_]  # (H,W)
Picture = NDArray[np.floating]  # (H,W,3), RGB, 0 to 1

REFERENCE = (192, 256)  # height, width


@dataclass(frozen=True)
class Canvas:
    """The pixels of one photograph: reference coordinates with the origin in the middle of the image.

    Attributes:
        x: To the right, (H,W).
        y: Down, (H,W).
        scale: Image pixels per reference pixel.
    """

    x: Field
    y: Field
    scale: float


def make_canvas(size: tuple[int, int]) -> Canvas:
    """Return the canvas of a photograph of the given height and width in pixels."""
    height, width = size
    scale = float(np.sqrt(height * width / (REFERENCE[0] * REFERENCE[1])))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return Canvas((x + 0.5 - width / 2) / scale, (y + 0.5 - height / 2) / scale, scale)


def noise(rng: np.random.Generator, x: Field, y: Field, scale: float, cells: int = 96) -> Field:
    """Return smooth noise, mean 0 and deviation 1, with features about `scale` units of `x` and `y` wide."""
    grid = ndimage.gaussian_filter(rng.standard_normal((cells, cells), dtype=np.float32), 1.0, mode="wrap")
    grid = (grid - grid.mean()) / grid.std()
    step = scale / 2.5  # the filter makes features about two and a half cells wide
    where = np.stack([y / step, x / step])
    values: Field = ndimage.map_coordinates(grid, where, order=1, mode="grid-wrap", output=np.float32)
    return values


def cloud(rng: np.random.Generator, canvas: Canvas, scale: float) -> Field:
    """Return noise like `noise` over the whole image, faster because the coordinates are those of the image."""
    height, width = canvas.x.shape
    cells = [max(4, round(2.0 * side / canvas.scale / scale)) for side in (height, width)]
    grid = ndimage.gaussian_filter(rng.standard_normal(cells, dtype=np.float32), 0.7, mode="reflect")
    return np.asarray(Image.fromarray(grid / grid.std()).resize((width, height), Image.Resampling.BICUBIC))


def step_up(value: Field, width: float) -> Field:
    """Return a smooth step from 0 to 1 while `value` goes from -width/2 to width/2."""
    t: Field = np.clip(value / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)
