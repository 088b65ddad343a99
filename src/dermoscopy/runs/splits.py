"""The split that a stage left: which images it has seen."""

from pathlib import Path

import pandas as pd

from dermoscopy.runs.files import SPLIT

SEEN = ("train", "val")  # learnt from, or chose the epoch


def seen_in_training(folder: Path) -> set[str]:
    """Return the ids of the images that a stage learnt from or chose its epoch by; none where it left no split."""
    if not (folder / SPLIT).is_file():
        return set()
    return {id for id, side in _read(folder / SPLIT).items() if side in SEEN}


def _read(split: Path) -> dict[str, str]:
    """The side of each image by its id."""
    table = pd.read_csv(split, dtype=str, keep_default_na=False)
    return dict(zip(table["id"], table["side"], strict=True))
