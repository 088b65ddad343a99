"""The split that a stage left: which images it has seen."""

from pathlib import Path

import pandas as pd

from dermoscopy.runs.files import SPLIT

SEEN = ("train", "val")  # learnt from, or chose the epoch


def seen_in_training(folder: Path) -> set[str]:
    """Return the ids of the images that a stage learnt from or chose its epoch by; none where it left no split."""
    if not (folder / SPLIT).is_file():
        return set()
    return {id for id, subset in read_split(folder / SPLIT).items() if subset in SEEN}


def read_split(split: Path) -> dict[str, str]:
    """Return the subset of each image in a split.csv by its id."""
    table = pd.read_csv(split, dtype=str, keep_default_na=False)
    return dict(zip(table["id"], table["subset"], strict=True))
