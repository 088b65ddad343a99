"""Labels and logits of the test images of a classification sweep, for resampling; and trivial predictors.

Scores have the names of a run's metrics and are means over labels, except accuracies of exclusive labels. A label is
predicted if its logit exceeds 0, of exclusive labels if its logit is the highest; for `..._at_<rule>` if its logit
exceeds the threshold that the run chose by this rule. Undefined scores are NaN and left out of the mean.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.statistics import Floats, mean_defined, ratio, resampling_groups
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

COLUMNS = {"id", "group", "mask_condition", "label", "truth", "logit", "threshold"}  # of predictions.csv


@dataclass(frozen=True)
class Predictions:
    """Predictions of one job on its test images in one mask condition, images in order of their id.

    Attributes:
        id: (N,) image names.
        group: (N,) patient or lesion of each image; what is resampled together.
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
        group = resampling_groups(rows, both.index)
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


def trivial_predictors(truth: Floats, exclusive: bool) -> pd.DataFrame:
    """Compute the scores of predictors that ignore the image; a score that a predictor lacks is NaN.

    `shuffled scores` ranks the images at random: its average precision is the expectation over all orders, which is
    above the prevalence, its AUROC 1/2. The others decide and rank nothing.

    With prevalence q of a label, `always positive` has accuracy q and F1 = 2q / (1 + q), `never positive` 1 - q and 0;
    `prevalence`, which predicts q as the probability, equals the former if q > 1/2 and else the latter. Their balanced
    accuracy is 1/2. Of exclusive labels there is only `prevalence`, the most frequent class for every image, which is
    at least as good as any other constant class in every score: accuracy is its share q, balanced accuracy one over the
    number of classes that have images, F1 = 2q / (1 + q) for that class and 0 for the others.

    Args:
        truth: (N, L) 0, 1, NaN unknown.
        exclusive: whether an image has at most one of the labels.
    """
    positives, images = np.nansum(truth, axis=0), (~np.isnan(truth)).sum(0)
    q = ratio(positives, images)  # (L,)
    half = mean_defined(np.where((q > 0) & (q < 1), 0.5, np.nan))
    decisions = _most_frequent_class(q) if exclusive else _constant_decisions(q)
    if not exclusive:
        decisions["balanced_accuracy"] = half
    precision = mean_defined(expected_average_precision(positives, images))
    ranking = pd.DataFrame({"average_precision": precision, "auroc": half}, index=["shuffled scores"], dtype=float)
    return pd.concat([decisions, ranking])


def _constant_decisions(q: Floats) -> pd.DataFrame:
    """Return the scores of three predictors of labels with prevalences q (L,), means over labels."""
    always, never = 2 * q / (1 + q), np.where(q > 0, 0.0, np.nan)  # F1; no positive, none predicted: 0 / 0
    common = q > 0.5
    return pd.DataFrame(
        {
            "accuracy": [mean_defined(labels) for labels in (q, 1 - q, np.where(common, q, 1 - q))],
            "f1": [mean_defined(labels) for labels in (always, never, np.where(common, always, never))],
        },
        index=["always positive", "never positive", "prevalence"],
        dtype=float,
    )


def _most_frequent_class(q: Floats) -> pd.DataFrame:
    """Return the scores of the most frequent of exclusive classes with shares q (L,), predicted for every image."""
    recall = np.where(q > 0, np.arange(len(q)) == q.argmax(), np.nan)  # (L,)
    scores = {
        "accuracy": q.max(),
        "f1": mean_defined(recall * 2 * q / (1 + q)),
        "balanced_accuracy": mean_defined(recall),
    }
    return pd.DataFrame(scores, index=["prevalence"], dtype=float)
