"""Checks of the arguments of a data module: names of the store, counts, normalisation."""

import math
from collections.abc import Sequence
from pathlib import Path

from dermoscopy.machine.messages import nearest


def positions(names: Sequence[str], available: Sequence[str], key: str, store: str | Path) -> list[int]:
    """Return the position of each name among those of the store.

    Args:
        names: the labels or masks to use.
        available: those of the store.
        key: of the names in the configuration, such as data.labels.
        store: path of the store, for error messages.

    Raises:
        ValueError: no list, an unknown name, or one that is named twice; the message names the key.
    """
    if isinstance(names, str):
        raise ValueError(f"{key} must be a list of names, such as [{names}], got {names!r}")
    kind = "mask" if key.endswith("masks") else "label"
    for name in names:
        if name not in available:
            close = nearest(str(name), available)
            raise ValueError(f"{key}: {store} has no {kind} {name!r}, it has {list(available)}{close}")
        if list(names).count(name) > 1:
            raise ValueError(f"{key} names {name!r} twice: name each once")
    return [list(available).index(name) for name in names]


def check_counts(**counts: object) -> None:
    """Refuse counts of images that are not whole numbers of at least 1; None is allowed for `train_images`.

    Raises:
        ValueError: the message begins with the argument.
    """
    for argument, count in counts.items():
        if argument == "train_images" and count is None:
            continue
        if type(count) is not int or count < 1:
            raise ValueError(f"{argument} must be a whole number of at least 1, got {count}")


def check_normalisation(mean: Sequence[float], std: Sequence[float]) -> None:
    """Refuse a mean or standard deviation that is not of the three colours, and deviations of 0 or below.

    Raises:
        ValueError: the message begins with the argument.
    """
    for argument, values in (("mean", mean), ("std", std)):
        low = 0 if argument == "std" else -math.inf
        if len(values) != 3 or not all(low < value < math.inf for value in values):
            raise ValueError(f"{argument} must be three numbers of R, G, B in 0 ... 1, std above 0, got {list(values)}")
