"""Out of fold: the test images of all folds together, each predicted once by a network that has not seen it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dermoscopy.evaluation.files import MASKS, PREDICTIONS, PredictedMasks, read_masks, read_predictions
from dermoscopy.evaluation.scores import summarise


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions of all folds as one.

    Attributes:
        images: their rows of predictions.csv, with column fold, the number of the folder; only sizes all folds have.
        scores: means over all images, with intervals, see `dermoscopy.evaluation.scores.summarise`.
        folds: mean, sd, min, max over the folds' own scores and their number, for each metric, mask and size.
        parts: the folds' masks, on disk until asked for.
    """

    images: pd.DataFrame
    scores: pd.DataFrame
    folds: pd.DataFrame
    parts: tuple[PredictedMasks, ...]

    def masks(self) -> PredictedMasks:
        """Read the masks of all folds into memory."""
        first, ids = self.parts[0], np.concatenate([part.ids for part in self.parts])
        probability = np.concatenate([part.probability for part in self.parts])
        return PredictedMasks(ids, first.names, first.exclusive, first.fingerprint, probability)


def collect(folders: Sequence[Path]) -> OutOfFold:
    """Join what the tests of several folds left in their folders.

    Raises:
        FileNotFoundError: a folder lacks predictions.csv or masks.h5.
        ValueError: a file is damaged, an image was tested twice, or folds differ in their store or masks.
    """
    if not folders:
        raise ValueError("no folder of a fold is given: name the folders of the tested stages")
    parts = tuple(read_masks(folder / MASKS) for folder in folders)
    tables = [read_predictions(folder / PREDICTIONS) for folder in folders]
    _check(folders, parts, tables)
    images = pd.concat([table.assign(fold=number) for number, table in enumerate(tables)], ignore_index=True)
    everywhere = images.groupby("size")["fold"].nunique() == len(folders)
    images = images[images["size"].map(everywhere)].reset_index(drop=True)
    means = [summarise(fold, replicates=0) for _, fold in images.groupby("fold")]
    folds = pd.concat(means).groupby(["metric", "mask", "size"], sort=False)["mean"]
    spread = folds.agg(["mean", "std", "min", "max", "count"]).rename(columns={"std": "sd", "count": "folds"})
    return OutOfFold(images, summarise(images), spread.reset_index(), parts)


def _check(folders: Sequence[Path], parts: Sequence[PredictedMasks], tables: Sequence[pd.DataFrame]) -> None:
    seen: dict[str, Path] = {}
    for folder, part, table in zip(folders, parts, tables, strict=True):
        for what, own, first in (
            ("store's fingerprint", part.fingerprint, parts[0].fingerprint),
            ("masks", part.names, parts[0].names),
            ("exclusive", part.exclusive, parts[0].exclusive),
        ):
            if own != first:
                raise ValueError(f"folds must agree: {what} is {first} in {folders[0]}, but {own} in {folder}")
        if set(table["id"]) != set(part.ids.tolist()) or set(table["mask"]) != set(part.names):
            raise ValueError(f"{folder / PREDICTIONS} and {MASKS} beside it are not of one test: test again")
        for id in part.ids.tolist():
            if id in seen:
                raise ValueError(f"image {id} was tested in {seen[id]} and in {folder}: give the folds of one split")
            seen[id] = folder
