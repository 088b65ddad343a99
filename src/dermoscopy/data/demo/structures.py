"""The five dermoscopic attributes of the demo data: their regions in a lesion and the structures drawn in them.

As in the annotation of ISIC 2018, a region is a set of superpixels: small irregular cells that lie wholly or partly
inside the lesion. The regions of one lesion do not overlap, so that a region holds the structure of its mask and no
other.

Coordinates are reference pixels: those of a photograph of 192 x 256 px of standard zoom, with the origin in the
middle of the lesion. Structures are about 10 reference pixels apart and 3 to 4 wide, coarser than in reality, so
that they survive a reduction to 64 px.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from dermoscopy.data.demo.fields import Field, Mask, noise, step_up
from dermoscopy.data.demo.lesions import stream

EXTENT = 260.0  # half the side of the square that seeds fill: beyond the corners of any photograph
SUPERPIXEL = 9.0
BORDER = 15.0  # width of the band in which streaks lie
PLACING_ORDER = (
    "streaks",
    "negative_network",
    "globules",
    "milia_like_cyst",
    "pigment_network",
)  # rest goes to the last
SHARE = {  # of the free superpixels that an attribute takes, least and most
    "streaks": (0.45, 0.80),
    "negative_network": (0.35, 0.60),
    "globules": (0.30, 0.60),
    "milia_like_cyst": (0.10, 0.20),
    "pigment_network": (0.50, 1.00),
}


@dataclass(frozen=True)
class Place:
    """Position of each pixel: its coordinates and its depth inside the border; and the size of the lesion.

    Attributes:
        x: Horizontal coordinate on the lesion, reference pixels, (H,W).
        y: Vertical coordinate on the lesion, (H,W).
        depth: Approximate distance inside the lesion's border, negative outside, (H,W).
        radius: Radius of a circle with the lesion's area.
    """

    x: Field
    y: Field
    depth: Field
    radius: float


def seeds(rng: np.random.Generator, spacing: float, jitter: float) -> NDArray[np.float64]:
    """Return the points of a hexagonal grid, each moved by up to `jitter` spacings, (points,2)."""
    rows, columns = np.mgrid[-EXTENT : EXTENT : spacing * np.sqrt(3) / 2, -EXTENT:EXTENT:spacing]
    columns = columns + spacing / 2 * (np.arange(len(rows)) % 2)[:, None]
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    return points + rng.uniform(-jitter, jitter, points.shape) * spacing


def place_regions(seed: int, lesion: int, names: frozenset[str], place: Place, visible: Mask) -> dict[str, Mask]:
    """Return the region of each attribute in `names`: disjoint, inside `visible`, and never empty.

    Args:
        seed: Seed of the data set.
        lesion: Index of the lesion.
        names: Attributes of the lesion.
        place: Coordinates of the pixels.
        visible: The part of the lesion that the photograph shows, (H,W).
    """
    rng = stream(seed, "superpixels", lesion)
    points = seeds(rng, SUPERPIXEL, 0.25)
    x, y = place.x[visible], place.y[visible]
    wavy = [axis + 1.5 * noise(rng, x, y, 7) for axis in (x, y)]
    cell = np.zeros(visible.shape, dtype=np.int64)
    cell[visible] = cKDTree(points).query(np.stack(wavy, axis=-1))[1]
    regions = {}
    free = visible.copy()
    waiting = [name for name in PLACING_ORDER if name in names]
    for position, name in enumerate(waiting):
        rng = stream(seed, f"region of {name}", lesion)
        band = free & (place.depth < BORDER)
        allowed = band if name == "streaks" and band.any() else free
        score: Field = noise(rng, points[:, 0], points[:, 1], 0.7 * place.radius)  # neighbours together
        if name == "milia_like_cyst":
            score = rng.random(len(points))  # scattered
        share = rng.uniform(*SHARE[name])
        chosen = _best_cells(cell, allowed, score, share, spare=len(waiting) - position - 1)
        regions[name] = allowed & chosen[cell]
        free &= ~regions[name]
    return regions


def _best_cells(cell: NDArray[np.int64], allowed: Mask, score: Field, share: float, spare: int) -> NDArray[np.bool_]:
    """Return which superpixels score highest among those of at least half the median size; leave `spare` free."""
    pixels = np.bincount(cell[allowed], minlength=len(score))
    present = np.flatnonzero(2 * pixels >= max(1, np.median(pixels[pixels > 0])))
    number = max(1, min(round(share * len(present)), len(present) - spare))
    chosen = np.zeros(len(score), dtype=np.bool_)
    chosen[present[np.argsort(-score[present], kind="stable")[:number]]] = True
    return chosen


def draw_structures(seed: int, lesion: int, place: Place, regions: dict[str, Mask]) -> tuple[Field, Field]:
    """Draw each attribute in its region.

    Returns:
        Added pigment, and added paleness from 0 to 1; both (H,W), zero outside the regions.
    """
    dark, pale = np.zeros((2, *place.x.shape), dtype=np.float32)
    for name, region in regions.items():
        more, paler = _DRAW[name](stream(seed, f"drawing of {name}", lesion), place, region)
        dark += more
        pale += paler
    return dark, pale


Strokes = tuple[Field, Field]  # pigment added, paleness added


def _inside(values: Field, region: Mask) -> Field:
    """Put the values of the region's pixels back into an image, zero elsewhere."""
    image = np.zeros(region.shape, dtype=np.float32)
    image[region] = values
    return image


def _web(rng: np.random.Generator, x: Field, y: Field, spacing: float, width: float) -> Field:
    """Return the edges of irregular honeycomb cells at the given points: about 1 on a line, 0 in a hole."""
    bent = np.stack([axis + 1.8 * noise(rng, x, y, 11) for axis in (x, y)], axis=-1)
    distance: Field = cKDTree(seeds(rng, spacing, 0.24)).query(bent, k=2)[0].astype(np.float32)
    thickness = width * (1 + 0.25 * noise(rng, x, y, 18))
    strength: Field = np.clip(0.8 + 0.2 * noise(rng, x, y, 25), 0.45, 1.2)
    return strength * step_up(thickness - (distance[:, 1] - distance[:, 0]), 4.0)


def _pigment_network(rng: np.random.Generator, place: Place, region: Mask) -> Strokes:
    web = _web(rng, place.x[region], place.y[region], spacing=9.5, width=3.0)
    fading = np.clip(place.depth[region] / 10, 0.4, 1)
    return _inside(fading * (0.10 + 0.75 * web), region), np.zeros_like(place.x)


def _negative_network(rng: np.random.Generator, place: Place, region: Mask) -> Strokes:
    web = _web(rng, place.x[region], place.y[region], spacing=12.0, width=3.8)
    return np.zeros_like(place.x), _inside(0.65 * web, region)


def _globules(rng: np.random.Generator, place: Place, region: Mask) -> Strokes:
    points = seeds(rng, 8.5, 0.22)
    points = points[rng.random(len(points)) < 0.85]
    distance, which = cKDTree(points).query(np.stack([place.x[region], place.y[region]], axis=-1))
    size = rng.uniform(2.2, 3.8, len(points)).astype(np.float32)[which]
    strength = rng.uniform(0.7, 1.2, len(points)).astype(np.float32)[which]
    return _inside(strength * step_up(size - distance.astype(np.float32), 2.6), region), np.zeros_like(place.x)


def _milia(rng: np.random.Generator, place: Place, region: Mask) -> Strokes:
    """Draw bright dots where the region is widest, then wherever another one fits."""
    room = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    enough = 0.6 * room.max()
    pale = np.zeros_like(place.x)
    while room.max() >= enough:
        y, x = np.unravel_index(room.argmax(), room.shape)
        distance = np.hypot(place.x - place.x[y, x], place.y - place.y[y, x])
        pale = np.maximum(pale, rng.uniform(0.7, 0.95) * step_up(rng.uniform(2.4, 3.6) - distance, 3.0))
        room[distance < 0.8 * SUPERPIXEL] = 0
    return np.zeros_like(place.x), pale * region


def _streaks(rng: np.random.Generator, place: Place, region: Mask) -> Strokes:
    """Draw radial lines, thinner towards the border and inwards, uneven in length and darkness."""
    x, y, depth = place.x[region], place.y[region], place.depth[region] / BORDER
    number = max(6, round(2 * np.pi * place.radius / 9))
    wave = np.cos(number * np.arctan2(y, x) + 1.8 * noise(rng, x, y, 20))
    uneven = 0.35 * noise(rng, x, y, 9)
    line = np.clip(1 + 0.25 * noise(rng, x, y, 16), 0.5, 1.3) * step_up(wave - 1.4 * np.abs(depth - 0.5) + uneven, 1.2)
    return _inside(0.12 + 0.95 * line, region), _inside(0.10 * np.clip(1 - line, 0, 1), region)


_DRAW: dict[str, Callable[[np.random.Generator, Place, Mask], Strokes]] = {
    "globules": _globules,
    "milia_like_cyst": _milia,
    "negative_network": _negative_network,
    "pigment_network": _pigment_network,
    "streaks": _streaks,
}
