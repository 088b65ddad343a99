"""What is unusual about files that were read, counted and named: they are right, or no program can know it."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.raw.problems import some

MOST = 0.9  # covered share of an image from which a mask may be inverted


class Remarks:
    """Remarks about the images of a store.

    Args:
        masks: names of the masks.
    """

    def __init__(self, masks: Sequence[str]) -> None:
        self.masks = masks
        self.rotated: list[str] = []
        self.covered: dict[str, list[str]] = defaultdict(list)
        self.known: dict[str, list[bool]] = defaultdict(list)

    def add(self, id: str, mask: NDArray[np.uint8], present: Sequence[bool | None], rotated: bool) -> None:
        """Add an image.

        Args:
            id: of the image.
            mask: as stored, (H, W, K).
            present: per mask, whether any pixel of the original is present; None: there is no such mask.
            rotated: whether its EXIF data ask for a rotation.
        """
        if rotated:
            self.rotated.append(id)
        for plane, (name, known) in enumerate(zip(self.masks, present, strict=True)):
            if known is not None:
                self.known[name].append(known)
            if known and may_be_inverted(mask[..., plane]):
                self.covered[name].append(id)

    def lines(self) -> list[str]:
        """Return the remarks, a line each."""
        lines = []
        if self.rotated:
            remedy = "masks must fit the pixels as they are stored"
            lines.append(f"EXIF rotation is ignored, {remedy}: {some(self.rotated)}")
        for name, ids in self.covered.items():
            remedy = "invert the files if white is the background"
            lines.append(f"masks {name} that cover the border or over 90 % of the image, {remedy}: {some(ids)}")
        for name, known in self.known.items():
            if not any(known):
                lines.append(f"masks {name} are empty: all {len(known)}")
        return lines


def may_be_inverted(mask: NDArray[np.uint8]) -> bool:
    """Return whether a stored mask (H, W) covers all of the image's border, or nearly all of the image."""
    inside = mask != NOT_ANNOTATED
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return False
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 1
    border = box[0].all() and box[-1].all() and box[:, 0].all() and box[:, -1].all()
    return bool(border or box.mean() > MOST)
