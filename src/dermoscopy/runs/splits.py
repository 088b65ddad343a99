"""The recorded split of a stage, and the images that the stage has seen."""

from pathlib import Path

import pandas as pd

from dermoscopy.runs.files import SPLIT

SEEN = ("train", "val")  # trained the weights, or chose the epoch


def seen_in_training(folder: Path) -> set[str] | None:
    """Return the ids of the training and validation images of a stage; None if it has no recorded split."""
    if not (folder / SPLIT).is_file():
        return None
    return {id for id, subset in read_split(folder / SPLIT).items() if subset in SEEN}


def read_split(split: Path) -> dict[str, str]:
    """Return the subset of each image in a split.csv by id.

    Raises:
        ValueError: it is damaged.
    """
    try:
        table = pd.read_csv(split, dtype=str, keep_default_na=False)
        return dict(zip(table["id"], table["subset"], strict=True))
    except (ValueError, KeyError) as error:  # pandas raises several kinds of ValueError
        raise ValueError(f"{split} is damaged ({error}): copy it again from the folder of the stage") from error
