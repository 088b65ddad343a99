"""Masks out of fold: the test images of all folds of an arm, each scored by the network that has not seen it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dermoscopy.masks.predicted import MASKS
from dermoscopy.metrics.statistics import bootstrap, percentiles
from dermoscopy.report.results.arms import MASK_HEADLINES, segments
from dermoscopy.report.results.folds import Folds, joined_folds
from dermoscopy.report.results.mask_scores import METRICS, SIZES, MaskScores
from dermoscopy.runs.tables import SweepResults

JOINED = "out_of_fold"
FOLD_SCORES = ["arm", "seed", "size", "score", "images", "folds", "value", "low", "high"]


@dataclass(frozen=True)
class OutOfFold(Folds):
    """What the folds of an arm and seed of segmenters left of their test images.

    Attributes:
        tta: how the images were shown.
    """

    tta: str

    @property
    def sizes(self) -> list[str]:
        """Sizes at which every fold was scored."""
        folds = self.images.groupby("size")["fold"].nunique()
        return [size for size in SIZES if folds.get(size) == len(self.folders)]

    @property
    def masks(self) -> list[Path]:
        """Files of the predicted masks, one a fold; none unless every fold left its own."""
        files = [self.folders[fold] / MASKS for fold in sorted(self.folders)]
        return [] if self.missing or not all(file.is_file() for file in files) else files


def out_of_fold(sweep: SweepResults) -> list[OutOfFold]:
    """Join the folds of each arm and seed of a segmentation sweep that has folds.

    Raises:
        ValueError: an image was tested in two folds.
    """
    parts = joined_folds(sweep, ["id", "mask", "size"]) if segments(sweep.table) else []
    return [OutOfFold(**vars(part), tta=part.job.last.configuration.kept_tta) for part in parts]


def masks_to_join(sweep: SweepResults) -> dict[Path, list[Path]]:
    """Files that the masks of complete folds are to be joined into, with the folds' folders, unless up to date."""
    parts = out_of_fold(sweep)
    several = len(parts) > 1
    outdated = {}
    for part in parts:
        file = sweep.folder / f"{JOINED}{f'-{_plain(part.arm)}-seed{part.seed}' if several else ''}.h5"
        newest = max((source.stat().st_mtime for source in part.masks), default=0.0)
        if part.masks and not (file.is_file() and file.stat().st_mtime > newest):
            outdated[file] = [source.parent for source in part.masks]
    return outdated


def _plain(arm: str) -> str:
    """An arm as a part of the name of a file."""
    return "".join(letter if letter.isalnum() or letter in "._-=+" else "_" for letter in arm)


def fold_table(parts: Sequence[OutOfFold]) -> pd.DataFrame:
    """One row an arm, image and mask at the store's size, as it is written to out_of_fold.csv."""
    tables = [part.images[part.images["size"] == "store"].assign(arm=part.arm, seed=part.seed) for part in parts]
    table = pd.concat(tables, ignore_index=True).sort_values(["arm", "seed", "id", "mask"], kind="stable")
    scores = [name for name in METRICS if table[name].notna().any()]
    return table[["arm", "seed", "id", "group", "fold", "mask", *scores, "truth", "predicted"]].round(4)


def fold_scores(parts: Sequence[OutOfFold]) -> pd.DataFrame:
    """Scores over the images of all folds, with bootstrap intervals over groups of images.

    Returns:
        One row per arm, seed, size and score: columns arm, seed, size, score; images, folds; value, low, high.
    """
    rows = []
    for part in parts:
        for size in part.sizes:
            scores = MaskScores.from_table(part.images, size)
            once = np.ones((1, len(scores.id)))
            for name in MASK_HEADLINES:
                low, high = percentiles(bootstrap([scores], name)[:, 0])
                value = float(scores.score(name, once)[0])
                rows.append((part.arm, part.seed, size, name, len(scores.id), len(part.folders), value, low, high))
    return pd.DataFrame(rows, columns=FOLD_SCORES)
