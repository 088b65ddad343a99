"""Paired comparisons of the arms of a sweep: over repeats and, with the scores of single images, over test images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.metrics.intervals import Spread, combined, over_trainings, spread, t_ends, t_p
from dermoscopy.metrics.repeats import FIXED_SPLIT, FOLDS, OWN_SPLITS, Design, paired
from dermoscopy.report.results.test_images import OverImages
from dermoscopy.runs.tables import SweepResults


@dataclass(frozen=True)
class Basis:
    """What the sentences of a page rest on.

    Attributes:
        design: how the repeats drew their test images.
        repeats: what the repeats are: `seeds`, `folds`, or `repeats` for both.
        folds: number of folds per seed, 1 without folds.
        meaningful: size of the smallest difference that matters; None: not known for this metric.
    """

    design: Design
    repeats: str
    folds: int
    meaningful: float | None

    @property
    def one(self) -> str:
        """One of the repeats: `seed`, `fold` or `repeat`."""
        return self.repeats.removesuffix("s")

    def words(self, n: int) -> str:
        """Return n repeats with their design in words: `3 seeds with own splits`, `10 folds of 2 seeds`."""
        if self.design.kind == FOLDS:
            seeds = -(-n // self.folds)
            return f"{n} folds" if self.repeats == "folds" else f"{n} folds of {seeds} seed{'s' * (seeds > 1)}"
        design = "on one fixed split" if self.design.fixed else "with own splits"
        return f"{n} {self.repeats if n > 1 else self.one} {design}"


def sweep_basis(sweep: SweepResults, table: pd.DataFrame, meaningful: float | None) -> Basis:
    """Return what the sentences on a sweep rest on.

    Args:
        sweep: the sweep.
        table: a metric, arms x repeats.
        meaningful: see `Basis`.
    """
    names = list(table.columns)
    seeds = len({name.split(" fold ")[0] for name in names})
    if not any("fold" in name for name in names):
        return Basis(sweep_design(sweep), "seeds", 1, meaningful)
    return Basis(sweep_design(sweep), "folds" if seeds == 1 else "repeats", -(-len(names) // seeds), meaningful)


def sweep_design(sweep: SweepResults) -> Design:
    """Return how the repeats of a sweep drew their test images, from the recorded split of each done job.

    A job without a recorded split counts as one with test images of its own, so that the correction for overlapping
    training sets is never left out by mistake.
    """
    tested = {job.last.test_images for job in sweep.done}
    if len(tested) == 1 and None not in tested:
        return Design(FIXED_SPLIT)
    sizes = [job.record["data"] for job in sweep.done]
    ratio = float(np.mean([data["test"] / data["train"] for data in sizes])) if sizes else 0.0
    by_seed: dict[int | None, set[int | None]] = {}
    for job in sweep.done:
        by_seed.setdefault(job.record["seed"], set()).add(job.record["fold"])
    return Design(FOLDS if any(len(folds) > 1 for folds in by_seed.values()) else OWN_SPLITS, ratio)


def compare(differences: pd.DataFrame, design: Design, images: Mapping[str, OverImages]) -> pd.DataFrame:
    """Test the mean difference of each arm over repeats and, where scores of single images are known, over test images.

    Args:
        differences: arms x repeats.
        design: of the sweep.
        images: mean difference of an arm over test images.

    Returns:
        One row per arm: difference, sd, n, low, high and p_repeats of `repeats.paired`; image_low, image_high and
        image_p, NaN without scores of single images, for the trained networks or, in a fixed split, for other trainings
        as well; image_error and image_freedom, the spread over images alone; p: in a fixed split the larger one of
        p_repeats and image_p, as a difference must be found over both, NaN where either is; else p_repeats.
    """
    rows = {arm: (images[arm].estimate, *spread(images[arm].left_out)) for arm in differences.index if arm in images}
    over = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "error", "freedom"], dtype=float)
    return compare_spreads(differences, design, over.reindex(differences.index))


def compare_spreads(differences: pd.DataFrame, design: Design, images: pd.DataFrame) -> pd.DataFrame:
    """Test mean differences as `compare` does, whose spread over test images is known.

    Args:
        differences: arms x repeats.
        design: of the sweep.
        images: per arm estimate, error and freedom of the mean difference over test images, NaN where unknown.

    Returns:
        See `compare`.
    """
    table = paired(differences, design).rename(columns={"p": "p_repeats"})
    estimate, error, freedom = images[["estimate", "error", "freedom"]].to_numpy(float).T
    total = Spread(error, freedom)
    if design.fixed:
        total = combined(total, over_trainings(table["sd"].to_numpy(float), table["n"].to_numpy(float)))
    low, high = t_ends(estimate, total)
    table = table.assign(image_low=low, image_high=high, image_p=t_p(estimate, total))
    table = table.assign(image_error=error, image_freedom=freedom)
    both = table[["p_repeats", "image_p"]].max(axis=1, skipna=False)
    return table.assign(p=both if design.fixed else table["p_repeats"])
