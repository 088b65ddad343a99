"""Out-of-fold scores of segmenters: the test images of all folds of an arm, each segmented once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dermoscopy.machine.files import file_name
from dermoscopy.masks.predicted import MASKS
from dermoscopy.metrics.intervals import interval, jackknife
from dermoscopy.report.results.arms import MASK_HEADLINES, is_segmentation
from dermoscopy.report.results.folds import Folds, joined_folds
from dermoscopy.report.results.mask_scores import SIZES, MaskScores
from dermoscopy.report.results.test_images import score_once
from dermoscopy.runs.tables import SweepResults

JOINED = "out_of_fold"
FOLD_SCORES = ["arm", "seed", "size", "score", "images", "folds", "value", "low", "high"]


@dataclass(frozen=True)
class OutOfFold(Folds):
    """Predictions of the folds of an arm and seed of segmenters on their test images.

    Attributes:
        tta: test-time augmentation of the predictions.
    """

    tta: str

    @property
    def sizes(self) -> list[str]:
        """Sizes at which every fold was scored."""
        folds = self.images.groupby("size")["fold"].nunique()
        return [size for size in SIZES if folds.get(size) == len(self.folders)]

    @property
    def masks(self) -> list[Path]:
        """Files of the predicted masks, one per fold; none unless every fold has one."""
        files = [self.folders[fold] / MASKS for fold in sorted(self.folders)]
        return [] if self.missing or not all(file.is_file() for file in files) else files


def out_of_fold(sweep: SweepResults) -> list[OutOfFold]:
    """Join the folds of each arm and seed of a segmentation sweep; return none if it has no folds.

    Raises:
        ValueError: an image was tested in two folds.
    """
    parts = joined_folds(sweep, ["id", "mask", "size"]) if is_segmentation(sweep.table) else []
    return [OutOfFold(**vars(part), tta=part.job.last.configuration.kept_tta) for part in parts]


def masks_to_join(sweep: SweepResults) -> dict[Path, list[Path]]:
    """Return the files of joined masks that are missing or outdated, each with the folders of its complete folds."""
    parts = out_of_fold(sweep)
    several = len(parts) > 1
    outdated = {}
    for part in parts:
        file = sweep.folder / f"{JOINED}{f'-{file_name(part.arm)}-seed{part.seed}' if several else ''}.h5"
        newest = max((source.stat().st_mtime for source in part.masks), default=0.0)
        if part.masks and not (file.is_file() and file.stat().st_mtime > newest):
            outdated[file] = [source.parent for source in part.masks]
    return outdated


def fold_scores(parts: Sequence[OutOfFold]) -> pd.DataFrame:
    """Compute scores over the images of all folds, with intervals over groups of images.

    Returns:
        One row per arm, seed, size and score: columns arm, seed, size, score; images, folds; value, low, high.
    """
    rows = []
    for part in parts:
        for size in part.sizes:
            scores = MaskScores.from_table(part.images, size)
            for name in MASK_HEADLINES:
                value = score_once(scores, name)
                low, high = interval(value, jackknife([scores], name)[:, 0], bounded=True)
                rows.append((part.arm, part.seed, size, name, len(scores.id), len(part.folders), value, low, high))
    return pd.DataFrame(rows, columns=FOLD_SCORES)
