"""Masks that tell the diagnosis by their extent, and that no photograph shows: the demo data with `masks_help`.

    diagnosis ─> which attribute is wide ─> masks
    photograph (drawn of another, random diagnosis) has no arrow to either

A positive control: a network that reads the masks can be right about every image, and one that sees the photograph
alone is right by chance. Every mask is present in every image, so that no label follows from whether a mask is empty.
"""

import numpy as np

from dermoscopy.data.demo.fields import Mask
from dermoscopy.data.demo.lesions import ATTRIBUTES, DIAGNOSES, stream

WIDE_IN = {"mel": "streaks", "nv": "pigment_network", "bkl": "milia_like_cyst"}  # all other attributes are narrow
NARROW, WIDE = (0.08, 0.13), (0.28, 0.36)  # radius of a disc, as a share of the shorter side, least and most


def hidden_diagnosis(seed: int, lesion: int) -> str:
    """Return the diagnosis of a lesion, each as likely as the others, independent of what its photographs show."""
    return str(stream(seed, "hidden diagnosis", lesion).choice(DIAGNOSES))


def draw_extents(seed: int, index: int, dx: str, size: tuple[int, int]) -> dict[str, Mask]:
    """Return a disc (H,W) per attribute, inside the image at a random place: wide for that of the diagnosis.

    Args:
        seed: Seed of the data set.
        index: Index of the photograph.
        dx: The diagnosis.
        size: Height and width in pixels.
    """
    rng = stream(seed, "extents", index)
    return {name: _disc(rng, size, WIDE if name == WIDE_IN[dx] else NARROW) for name in ATTRIBUTES}


def _disc(rng: np.random.Generator, size: tuple[int, int], radii: tuple[float, float]) -> Mask:
    radius = rng.uniform(*radii) * min(size)
    y, x = (rng.uniform(radius, side - radius) for side in size)
    rows, columns = np.ogrid[: size[0], : size[1]]
    disc: Mask = (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 < radius**2
    return disc
