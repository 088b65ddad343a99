"""The drawing of one demo photograph: skin, outline and pigment of the lesion, its attributes, the dermatoscope.

Colour follows the law of Beer and Lambert: light that crosses a pigment is multiplied by exp(-absorbance), so a
denser lesion is also a redder and darker one, as melanin makes it. Lengths are in reference pixels, those of a
photograph of 192 x 256 px; any other size shows the same scene with more or fewer pixels.
"""

from dataclasses import dataclass
from math import cos, sin  # Python's numbers, unlike NumPy's, leave float32 arrays in float32

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dermoscopy.data.demo.dermatoscope import field_of_view, photograph_through
from dermoscopy.data.demo.fields import REFERENCE, Canvas, Field, Mask, Picture, cloud, make_canvas, noise, step_up
from dermoscopy.data.demo.lesions import Case, stream
from dermoscopy.data.demo.structures import Place, draw_structures, place_regions

SKIN = np.array(  # colour of healthy skin under the lights and cameras met in ISIC, RGB in 8 bits
    [
        (232, 205, 190),
        (215, 190, 172),
        (196, 170, 158),
        (172, 152, 140),
        (222, 140, 122),
        (228, 168, 134),
        (222, 216, 198),
    ],
    dtype=np.float32,
)
MELANIN = np.array([0.42, 0.88, 1.20], dtype=np.float32)  # absorbance at density 1, RGB
BLOOD = np.array([0.06, 0.55, 0.45], dtype=np.float32)
PALE = np.array([0.96, 0.90, 0.80], dtype=np.float32)  # keratin and bare dermis
COLOURS = {  # absorbance of the colours that a lesion may have beside light brown
    "dark brown": (0.95, 1.40, 1.55),
    "black": (1.60, 1.75, 1.75),
    "blue-grey": (1.05, 0.90, 0.70),
    "red": (0.25, 0.95, 0.80),
    "white": (0.10, 0.16, 0.20),
}


@dataclass(frozen=True)
class Photograph:
    """One photograph and its masks.

    Attributes:
        image: uint8 RGB, (H,W,3).
        lesion: Visible part of the lesion, (H,W).
        attributes: Region of each attribute of the lesion, (H,W) each.
    """

    image: NDArray[np.uint8]
    lesion: Mask
    attributes: dict[str, Mask]


def draw_photograph(seed: int, index: int, lesion: int, case: Case, size: tuple[int, int]) -> Photograph:
    """Draw photograph `index`, which shows `lesion`; the same arguments always give the same pixels.

    Args:
        seed: Seed of the data set.
        index: Index of the photograph: decides position, zoom, light, skin texture, hairs and ruler.
        lesion: Index of the lesion: decides its shape, its pigment and where its attributes lie.
        case: The lesion and its patient, as drawn from the causal model.
        size: Height and width in pixels.
    """
    canvas = make_canvas(size)
    field = field_of_view(stream(seed, "field of view", index), canvas)
    place = _place(seed, index, lesion, case, canvas)
    visible = _largest_piece((place.depth > 0) & (field > 0.5))
    regions = place_regions(seed, lesion, case.attributes, place, visible)
    dark, pale = draw_structures(seed, lesion, place, regions)
    absorbance = _pigment(stream(seed, "pigment", lesion), case, place) + dark[..., None] * MELANIN
    skin = _skin(seed, index, lesion, canvas)
    picture = skin * np.exp(-absorbance)
    picture += pale[..., None] * (0.6 * skin + 0.4 * PALE - picture)
    picture = photograph_through(seed, index, canvas, picture, field)
    return Photograph((np.clip(picture, 0, 1) * 255).round().astype(np.uint8), visible, regions)


def _largest_piece(mask: Mask) -> Mask:
    labels, _ = ndimage.label(mask)
    largest: Mask = labels == 1 + np.bincount(labels.ravel())[1:].argmax()
    return largest


def _place(seed: int, index: int, lesion: int, case: Case, canvas: Canvas) -> Place:
    """Put the lesion under the dermatoscope: shift, turn and zoom of the photograph, then the lesion's own outline."""
    rng = stream(seed, "position", index)
    zoom, turn = rng.uniform(0.92, 1.10), rng.uniform(0, 2 * np.pi)
    x, y = canvas.x - rng.normal(0, 8), canvas.y - rng.normal(0, 6)
    x, y = (cos(turn) * x - sin(turn) * y) / zoom, (sin(turn) * x + cos(turn) * y) / zoom
    radius = float(np.sqrt(case.area * REFERENCE[0] * REFERENCE[1] / np.pi))
    return Place(x, y, _depth(stream(seed, "outline", lesion), case, radius, x, y), radius)


def _depth(rng: np.random.Generator, case: Case, radius: float, x: Field, y: Field) -> Field:
    """Return the depth of each pixel inside the outline, an ellipse with lobes that is bent by noise."""
    depth: Field = np.full_like(x, -radius)
    near = np.hypot(x, y) < 2.2 * radius  # no outline reaches further; the rest is skipped for speed
    x, y = x[near], y[near]
    bend = radius * (0.05 + 0.14 * case.irregularity)
    bent_x = x + bend * noise(rng, x, y, 0.7 * radius)
    bent_y = y + bend * noise(rng, x, y, 0.7 * radius)
    notches = (0.8 + 1.8 * case.irregularity) * noise(rng, x, y, 8)
    stretch = 1 + 0.12 * rng.random() + 0.25 * case.asymmetry
    distance, angle = np.hypot(bent_x / stretch, bent_y * stretch), np.arctan2(bent_y, bent_x)
    lobes: Field = np.zeros_like(x)
    for order in range(2, 6):
        lobes += case.asymmetry * rng.normal(0, 0.22) / order * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    depth[near] = radius * np.clip(1 + lobes, 0.5, 1.6) - distance + notches
    return depth


def _pigment(rng: np.random.Generator, case: Case, place: Place) -> Picture:
    """Return the absorbance of the lesion without its attributes, (H,W,3)."""
    fade = 3 + 0.45 * (1 - case.sharpness) * place.radius
    body = step_up(place.depth - 0.1 * fade, fade) * (0.8 + 0.3 * np.clip(place.depth / place.radius, 0, 1))
    inside = body > 0
    x, y = place.x[inside], place.y[inside]
    mottle = 0.20 * noise(rng, x, y, 0.6 * place.radius) + 0.16 * noise(rng, x, y, 10)
    mottle += 0.12 * noise(rng, x, y, 5) + 0.08 * noise(rng, x, y, 2.5)
    tint = MELANIN * np.exp(rng.normal(0, [0.12, 0.04, 0.08])) + BLOOD * rng.uniform(0, 0.5)
    tint *= np.clip(np.exp(rng.normal(-0.6, 0.3)), 0.35, 0.9)
    absorbance = np.exp(mottle)[:, None] * tint.astype(np.float32)
    for name in rng.permutation(list(COLOURS))[: case.colours - 1]:
        patch = 0.8 * step_up(noise(rng, x, y, 0.7 * place.radius) + 0.3 * noise(rng, x, y, 9) - 0.7, 1.6)[:, None]
        absorbance += patch * (np.array(COLOURS[name], dtype=np.float32) * np.exp(mottle)[:, None] - absorbance)
    picture = np.zeros((*place.x.shape, 3), dtype=np.float32)
    picture[inside] = absorbance * body[inside][:, None]
    return picture


def _skin(seed: int, index: int, lesion: int, canvas: Canvas) -> Picture:
    """Draw healthy skin: the person's tone, mottling, fine lines, vessels, and sometimes freckles."""
    person, rng = stream(seed, "tone", lesion), stream(seed, "skin", index)
    tone = SKIN[person.integers(len(SKIN))] / 255 * np.exp(person.normal(0, 0.04, 3) + rng.normal(0, 0.03, 3))
    turn = rng.uniform(0, np.pi)
    along = cos(turn) * canvas.x + sin(turn) * canvas.y
    across = cos(turn) * canvas.y - sin(turn) * canvas.x
    lines = rng.uniform(0.003, 0.015) * noise(rng, along / 4, across, 3.0)
    relief = lines + 0.020 * cloud(rng, canvas, 45) + 0.012 * cloud(rng, canvas, 6) + 0.008 * cloud(rng, canvas, 3)
    vessels = np.exp(-((cloud(rng, canvas, 22) / 0.16) ** 2)) * step_up(cloud(rng, canvas, 50) - 0.3, 1.0)
    blood = 0.07 * cloud(rng, canvas, 32) + 0.04 * cloud(rng, canvas, 10) + rng.uniform(0, 0.16) * vessels
    spots = step_up(cloud(rng, canvas, 9) + 0.3 * cloud(rng, canvas, 3) - 2.0, 1.6)
    melanin = float(rng.choice([0.0, 0.08, 0.25], p=[0.4, 0.4, 0.2])) * spots + 0.02 * cloud(rng, canvas, 20)
    absorbance = blood[..., None] * BLOOD + melanin[..., None] * MELANIN
    skin: Picture = tone.astype(np.float32) * np.exp(relief[..., None] - absorbance)
    return skin
