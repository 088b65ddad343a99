"""Out-of-fold scores of classifiers: over the test images of all folds with intervals, per fold, and between arms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.intervals import block_weights, interval
from dermoscopy.metrics.statistics import Floats, mean_defined
from dermoscopy.metrics.weighted_classification import DECISIONS, Counts, decision_score, tuned_decisions
from dermoscopy.report.results import test_images
from dermoscopy.report.results.arms import VALIDATION_MASKS, is_segmentation
from dermoscopy.report.results.conditions import in_order
from dermoscopy.report.results.folds import Folds, joined_folds
from dermoscopy.report.results.label_predictions import TRIVIAL_SCORES, Predictions, trivial_predictors
from dermoscopy.runs.tables import SweepResults

Key = tuple[str, int, str]  # arm, seed, mask_condition
RANKED = ("auroc", "average_precision")  # of `RANKING` those from 0 to 1, as the intervals of a single arm are


@dataclass(frozen=True)
class Pooled:
    """Predictions of all folds of an arm and seed in one mask condition.

    Logits of different networks are not comparable, so images are ranked within a fold and the folds' scores averaged.
    Decisions are counted over all images: of exclusive labels the most probable one of each image, of others those at
    each network's own threshold.

    Attributes:
        parts: the predictions, one per fold.
    """

    parts: tuple[Predictions, ...]

    @property
    def id(self) -> NDArray[np.object_]:
        """Ids of the images of all folds, one fold after another, (N,)."""
        return np.concatenate([part.id for part in self.parts])

    @property
    def group(self) -> NDArray[np.object_]:
        """Groups of images that are left out together, (N,)."""
        return np.concatenate([part.group for part in self.parts])

    @property
    def truth(self) -> Floats:
        """Labels 0, 1, NaN unknown, (N, L)."""
        return np.concatenate([part.truth for part in self.parts])

    @property
    def exclusive(self) -> bool:
        """Whether an image has at most one of the labels."""
        return self.parts[0].exclusive

    @property
    def names(self) -> list[str]:
        """Names of the scores."""
        return [*RANKED, *(DECISIONS if self.exclusive else tuned_decisions(self.parts[0].rule, exclusive=False))]

    def scores(self, weight: Floats) -> Floats:
        """Compute all scores, see `names`, for R weightings of the images: (R, N) -> (R, S)."""
        ends = np.cumsum([len(part.id) for part in self.parts])[:-1]
        folds = list(zip(self.parts, np.split(weight, ends, axis=1), strict=True))
        ranking = [mean_defined(np.stack([part.score(name, own) for part, own in folds]), axis=0) for name in RANKED]
        counts = [part.counts(own, tuned=not self.exclusive) for part, own in folds]
        total = Counts(*(sum(outcome) for outcome in zip(*counts, strict=True)))
        decisions = [decision_score(name, total, self.exclusive) for name in self.names[len(RANKED) :]]
        return np.stack([*ranking, *decisions], axis=1)


def label_folds(sweep: SweepResults) -> list[Folds]:
    """Join the folds of each arm and seed of a classification sweep; return none if it has no folds.

    Raises:
        ValueError: an image was tested in two folds.
    """
    return [] if is_segmentation(sweep.table) else joined_folds(sweep, ["id", "mask_condition", "label"])


def pooled(sweep: SweepResults, parts: Sequence[Folds]) -> dict[Key, Pooled]:
    """Pool predictions by arm, seed and mask condition, for the conditions in which all folds were tested."""
    tables: dict[Key, Pooled] = {}
    with_own = any(name.startswith(f"test/{VALIDATION_MASKS}/") for name in sweep.table.columns)
    for part in parts:
        configuration = part.job.last.configuration
        folds = [table for _, table in part.images.groupby("fold")]
        tested = set.intersection(*(set(table["mask_condition"]) for table in folds))
        for name in in_order(tested):
            kind = configuration.threshold_rule, configuration.exclusive_labels
            predictions = (Predictions.from_table(table, name, *kind) for table in folds)
            tables[part.arm, part.seed, name] = Pooled(tuple(predictions))
        if with_own and configuration.validation_masks in tested:
            tables[part.arm, part.seed, VALIDATION_MASKS] = tables[part.arm, part.seed, configuration.validation_masks]
    return tables


def score_table(tables: dict[Key, Pooled], reference: str) -> pd.DataFrame:
    """Compute the scores of each arm, seed and mask condition, with intervals over groups of images.

    Returns:
        Columns arm, seed, mask_condition, score; images, folds; value, low, high over all images; mean, sd, min, max
        over folds; difference, difference_low, difference_high to the reference arm on the same images, NaN if there is
        no such pair.
    """
    weights = block_weights([table.group for table in tables.values()])
    left_out = {key: table.scores(weight) for (key, table), weight in zip(tables.items(), weights, strict=True)}
    values = {key: _values(table) for key, table in tables.items()}
    parts = []
    for (arm, seed, name), table in tables.items():
        own, base = (arm, seed, name), (reference, seed, name)
        part = pd.DataFrame({"arm": arm, "seed": seed, "mask_condition": name, "score": table.names})
        part = part.assign(images=len(table.id), folds=len(table.parts), value=values[own])
        part["low"], part["high"] = _ends(values[own], left_out[own], bounded=True)
        folds = pd.DataFrame([_values(Pooled((fold,))) for fold in table.parts])
        part = part.assign(mean=folds.mean(), sd=folds.std(), min=folds.min(), max=folds.max())
        part["difference"] = part["difference_low"] = part["difference_high"] = np.nan
        if base != own and base in tables and np.array_equal(table.id, tables[base].id):
            part["difference"] = values[own] - values[base]
            part["difference_low"], part["difference_high"] = _ends(
                values[own] - values[base], left_out[own] - left_out[base]
            )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _values(table: Pooled) -> Floats:
    """Compute all scores with equal weights of the images, (S,)."""
    return table.scores(np.ones((1, len(table.id))))[0]


def _ends(values: Floats, left_out: Floats, bounded: bool = False) -> tuple[list[float], list[float]]:
    """Return the lower and upper ends of the intervals of scores (S,), left_out (B, S)."""
    ends = [interval(value, own, bounded=bounded) for value, own in zip(values, left_out.T, strict=True)]
    low, high = zip(*ends, strict=True)
    return list(low), list(high)


def trivial_scores(tables: dict[Key, Pooled]) -> pd.DataFrame:
    """Compute the scores of predictors that ignore the image, on the images of the arm and seed that has most."""
    most = max(tables.values(), key=lambda table: len(table.id))
    images = Predictions(most.id, most.group, most.truth, np.zeros_like(most.truth), exclusive=most.exclusive)
    scores = test_images.trivial_scores(trivial_predictors(images), TRIVIAL_SCORES)
    folds = pd.concat([test_images.trivial_scores(trivial_predictors(part), RANKED) for part in most.parts])
    scores[[*RANKED]] = folds.groupby(level=0).mean()  # of fewer images, like those of the arms
    return scores
