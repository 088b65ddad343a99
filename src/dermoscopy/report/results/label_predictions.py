"""Labels and logits of the test images of a classification sweep, which can be weighted; and trivial predictors.

Scores have the names of a run's metrics and are means over labels, except accuracies of exclusive labels. A label is
predicted if its logit exceeds 0, of exclusive labels if its logit is the highest; for `..._at_<rule>` if its logit
exceeds the threshold that the run chose by this rule. Undefined scores are NaN and left out of the mean.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.statistics import Floats, Tested, image_groups, mean_defined
from dermoscopy.metrics.weighted_classification import (
    DECISIONS,
    RANKING,
    Counts,
    decision_score,
    expected_average_precision,
    outcomes,
    plain_name,
    predicted_labels,
    tuned_decisions,
)

TRIVIAL_SCORES = ("accuracy", "f1", "average_precision", "auroc", "balanced_accuracy")
COLUMNS = {"id", "group", "mask_condition", "label", "truth", "logit", "threshold"}  # of predictions.csv


@dataclass(frozen=True)
class Predictions:
    """Predictions of one job on its test images in one mask condition, images in order of their id.

    Attributes:
        id: (N,) image names.
        group: (N,) patient or lesion of each image; what is left out together.
        truth: (N, L) 0, 1, NaN unknown.
        logit: (N, L).
        threshold: (L,) chosen by the run.
        rule: by which, see `dermoscopy.metrics.thresholds`.
        exclusive: whether an image has at most one of the labels; their logits are log-odds against all others.
    """

    id: NDArray[np.object_]
    group: NDArray[np.object_]
    truth: Floats
    logit: Floats
    threshold: Floats | float = 0.0
    rule: str = "zero"
    exclusive: bool = False

    @classmethod
    def from_table(cls, table: pd.DataFrame, condition: str, rule: str, exclusive: bool = False) -> "Predictions":
        """Read the rows of one mask condition from a predictions.csv.

        Args:
            table: content of predictions.csv.
            condition: the mask condition.
            rule: that chose the thresholds of the table.
            exclusive: whether an image has at most one of the labels.

        Raises:
            ValueError: the table has no row of that mask condition.
        """
        rows = table[table["mask_condition"] == condition]
        if rows.empty:
            available = ", ".join(sorted(table["mask_condition"].unique()))
            raise ValueError(f"predictions.csv has no mask_condition {condition!r}; there are: {available}")
        both = rows.pivot(index="id", columns="label", values=["truth", "logit"]).sort_index()  # noqa: PD010
        group = image_groups(rows, both.index)
        truth, logit = (both[name].to_numpy(float) for name in ("truth", "logit"))
        threshold = rows.groupby("label")["threshold"].first().reindex(both["logit"].columns).to_numpy(float)
        return cls(both.index.to_numpy(object), group, truth, logit, threshold, rule, exclusive)

    @cached_property
    def _outcomes(self) -> Counts:
        return outcomes(predicted_labels(self.logit, self.exclusive), self.truth)

    @cached_property
    def _tuned_outcomes(self) -> Counts:
        return outcomes(self.logit > self.threshold, self.truth)

    def counts(self, weight: Floats, tuned: bool) -> Counts:
        """Count the outcomes for R weightings of the images: (R, N) -> each (R, L).

        Args:
            weight: (R, N) how often an image counts.
            tuned: whether labels are predicted at the threshold that the run has chosen.
        """
        of_images = self._tuned_outcomes if tuned else self._outcomes
        return Counts(*(weight @ kind for kind in of_images))

    @property
    def scores(self) -> list[str]:
        """Names of its scores."""
        return [*RANKING, *DECISIONS, *tuned_decisions(self.rule, self.exclusive)]

    def score(self, name: str, weight: Floats) -> Floats:
        """Compute a score for R weightings of the images: (R, N) -> (R,); NaN unless it is one of `scores`."""
        if name not in self.scores:
            return np.full(len(weight), np.nan)  # at the threshold of another rule, in a sweep over rules
        if name in RANKING:
            pairs = zip(self.truth.T, self.logit.T, strict=True)
            return mean_defined(np.stack([RANKING[name](truth, logit, weight) for truth, logit in pairs], axis=-1))
        return decision_score(name, self.counts(weight, tuned=plain_name(name) != name), self.exclusive)


@dataclass(frozen=True)
class ConstantDecisions(Predictions):
    """The same decisions for every image, which rank nothing."""

    def score(self, name: str, weight: Floats) -> Floats:
        """Compute a score of decisions for R weightings of the images: (R, N) -> (R,); NaN for ranking scores."""
        return np.full(len(weight), np.nan) if name in RANKING else super().score(name, weight)


@dataclass(frozen=True)
class ShuffledScores:
    """A ranking of the images at random, in expectation: what average precision must exceed to show skill.

    Attributes:
        table: predictions on the same images, of which only the truth counts.
    """

    table: Predictions

    @property
    def id(self) -> NDArray[np.object_]:
        """Ids of the images, (N,)."""
        return self.table.id

    @property
    def group(self) -> NDArray[np.object_]:
        """Groups of images that are left out together, (N,)."""
        return self.table.group

    def score(self, name: str, weight: Floats) -> Floats:
        """Compute a ranking score for R choices of the images: (R, N), each 0 or 1, -> (R,); NaN for other scores."""
        positives, negatives = weight @ (self.table.truth == 1), weight @ (self.table.truth == 0)  # (R, L)
        if name == "average_precision":
            return mean_defined(expected_average_precision(positives, positives + negatives))
        defined = (positives > 0) & (negatives > 0) if name == "auroc" else np.zeros(positives.shape, bool)
        return mean_defined(np.where(defined, 0.5, np.nan))


def trivial_predictors(table: Predictions) -> dict[str, Tested]:
    """Return predictors that ignore the image, on the same images as a job's predictions.

    `prevalence` predicts the prevalence of each label as its probability. Of exclusive labels there is only the most
    frequent class for every image, which is at least as good as any other constant class in every score.
    `shuffled scores` ranks the images at random; the others decide and rank nothing.

    Args:
        table: predictions of a job, of which only images, groups and truth count.
    """
    q = mean_defined(table.truth, axis=0)  # (L,)
    one = np.ones_like(q)
    constants = {"always positive": one, "never positive": -one, "prevalence": q - 0.5}
    if table.exclusive:
        constants = {"most frequent class": q}
    shape, named = table.truth.shape, {}
    for name, logit in constants.items():
        values = np.broadcast_to(logit, shape)
        named[name] = ConstantDecisions(table.id, table.group, table.truth, values, exclusive=table.exclusive)
    return {**named, "shuffled scores": ShuffledScores(table)}
