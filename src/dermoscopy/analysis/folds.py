"""Masks out of fold: the test images of all folds of an arm, each scored by the network that has not seen it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dermoscopy.analysis.arms import MASK_HEADLINES, short_names
from dermoscopy.analysis.cross_validation import TABLE, TITLE, Folds, folds_lacking, joined_folds
from dermoscopy.analysis.figures import metric_words
from dermoscopy.analysis.markdown import markdown_table
from dermoscopy.analysis.runs import Sweep
from dermoscopy.analysis.segmented import METRICS, SIZES, MaskScores, kept_views, segments
from dermoscopy.analysis.statistics import REPLICATES, bootstrap, percentiles

JOINED = "out_of_fold"


@dataclass(frozen=True)
class OutOfFold(Folds):
    """What the folds of an arm and seed of segmenters left of their test images.

    Attributes:
        views: how the images were shown.
    """

    views: str

    @property
    def sizes(self) -> list[str]:
        """Sizes at which every fold was scored."""
        folds = self.images.groupby("size")["fold"].nunique()
        return [size for size in SIZES if folds.get(size) == len(self.folders)]

    @property
    def masks(self) -> list[Path]:
        """Files of the predicted masks, one a fold; none unless every fold left its own."""
        files = [self.folders[fold] / "masks.h5" for fold in sorted(self.folders)]
        return [] if self.missing or not all(file.is_file() for file in files) else files


def out_of_fold(sweep: Sweep) -> list[OutOfFold]:
    """Join the folds of each arm and seed of a segmentation sweep that has folds.

    Raises:
        ValueError: an image was tested in two folds.
    """
    parts = joined_folds(sweep, ["id", "mask", "size"]) if segments(sweep.jobs) else []
    return [OutOfFold(**vars(part), views=kept_views(sweep, part.job) or "not recorded") for part in parts]


def masks_to_join(sweep: Sweep) -> dict[Path, list[Path]]:
    """Files that the masks of complete folds are to be joined into, with the folds' folders, unless up to date."""
    parts = out_of_fold(sweep)
    several = len(parts) > 1
    wanted = {}
    for part in parts:
        file = sweep.folder / f"{JOINED}{f'-{_plain(part.arm)}-seed{part.seed}' if several else ''}.h5"
        newest = max((source.stat().st_mtime for source in part.masks), default=0.0)
        if part.masks and not (file.is_file() and file.stat().st_mtime > newest):
            wanted[file] = [source.parent for source in part.masks]
    return wanted


def _plain(arm: str) -> str:
    """An arm as a part of the name of a file."""
    return "".join(letter if letter.isalnum() or letter in "._-=+" else "_" for letter in arm)


def fold_table(parts: list[OutOfFold]) -> pd.DataFrame:
    """One row an arm, image and mask at the store's size, as it is written to out_of_fold.csv."""
    tables = [part.images[part.images["size"] == "store"].assign(arm=part.arm, seed=part.seed) for part in parts]
    table = pd.concat(tables, ignore_index=True).sort_values(["arm", "seed", "id", "mask"], kind="stable")
    scores = [name for name in METRICS if table[name].notna().any()]
    return table[["arm", "seed", "id", "group", "fold", "mask", *scores, "truth", "predicted"]].round(4)


def folds_section(parts: list[OutOfFold], arms: list[str]) -> str:
    """Scores over the images of all folds, with their intervals, and which folds of all arms there are."""
    if not parts:
        return ""
    names, rows = short_names(arms), []
    for part in parts:
        for size in part.sizes:
            scores = MaskScores.from_table(part.images, size)
            who = [names[part.arm], part.seed, size, len(scores.id), len(part.folders)]
            rows.append([*who, *(_with_interval(scores, name) for name in MASK_HEADLINES)])
    head = ["arm", "seed", "size", "images", "folds", *map(metric_words, MASK_HEADLINES)]
    views = ", ".join(dict.fromkeys(part.views for part in parts))
    text = (
        f"Each image is scored once, by the network of the fold that has not seen it (views {views}); 95 % intervals "
        f"from {REPLICATES} bootstrap draws of groups of images. The images are in {TABLE}, at the store's size."
    )
    joined = f"Their masks are joined in the folder of the sweep ({JOINED}*.h5)." if any(p.masks for p in parts) else ""
    return "\n\n".join(
        [TITLE, markdown_table(head, rows), " ".join([text, folds_lacking(parts, arms), joined]).strip()]
    )


def _with_interval(scores: MaskScores, name: str) -> str:
    low, high = percentiles(bootstrap([scores], name)[:, 0])
    mean = float(scores.score(name, np.ones((1, len(scores.id))))[0])
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"
