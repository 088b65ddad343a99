"""Counts of the labels of a store, in words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RARE = 0.02  # share of the images that may have several of labels that look exclusive


def count_labels(label: NDArray[np.int8], names: Sequence[str]) -> str:
    """Return the number of images with and without each label, and where it is unknown.

    Args:
        label: (N, L) 0, 1, -1 unknown.
        names: the L labels.
    """
    texts = []
    for name, column in zip(names, label.T, strict=True):
        yes, no, unknown = (int((column == value).sum()) for value in (1, 0, -1))
        texts.append(f"{name} ({yes} yes, {no} no" + (f", {unknown} unknown)" if unknown else ")"))
    return ", ".join(texts) or "none"


def uncovered(label: NDArray[np.int8]) -> str:
    """Return how many images have none or several of labels that look exclusive; "" where none do or they do not."""
    known = label[(label >= 0).all(1)]
    if label.shape[1] < 2 or not len(known):
        return ""
    yes = (known == 1).sum(1)
    none, several = int((yes == 0).sum()), int((yes > 1).sum())
    if several > RARE * len(known) or not (none or several):
        return ""
    return f"the labels look exclusive: of {len(known)} images, {none} have none of them and {several} have several"
