"""Findings of a sweep: the compared metric, the reference arm, and the differences of the others in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.metrics.statistics import compare_arms
from dermoscopy.metrics.weighted_classification import plain_name
from dermoscopy.plots.style import metric_words
from dermoscopy.report.results import test_images
from dermoscopy.report.results.arms import (
    headlines,
    is_segmentation,
    is_test_metric,
    macro_metrics,
    pivot,
    short_names,
    summarise,
)
from dermoscopy.report.results.mask_scores import tta_and_size
from dermoscopy.runs.tables import SweepResults

LOWER_IS_BETTER = ("failure_rate", "hd95", "brier", "ece")
USUAL_REFERENCE = "image only"
ALPHA = 0.05


@dataclass(frozen=True)
class Findings:
    """Comparison of the arms of a sweep by one metric.

    Attributes:
        metric: `test/<condition>/<name>`; for segmenters, the condition is the TTA and the size.
        segmented: whether the arms are segmenters.
        reference: the arm that all others are compared with.
        table: the metric, arms x repeats.
        compared: result of `compare_arms` with image_low and image_high, the interval over test images.
        test_per_train: test images per training image if repeats were tested on different images, else 0.
        trivial: scores of the trivial predictors, None if they cannot be computed.
        trivial_lacking: why not.
        notes: why there are no intervals over test images, or for which jobs.
    """

    metric: str
    segmented: bool
    reference: str
    table: pd.DataFrame
    compared: pd.DataFrame
    test_per_train: float
    trivial: pd.DataFrame | None
    trivial_lacking: str
    notes: list[str]

    @property
    def names(self) -> dict[str, str]:
        """Display names of the arms."""
        return short_names(list(self.table.index))

    @property
    def repeats(self) -> str:
        """What the repeats of an arm are: `seeds`, `folds`, or `repeats` for both."""
        names = list(self.table.columns)
        if not any("fold" in name for name in names):
            return "seeds"
        return "folds" if len({name.split(" fold ")[0] for name in names}) == 1 else "repeats"

    @property
    def best_trivial(self) -> tuple[str, float] | None:
        """Name and score of the best trivial predictor, None if there is none for the metric."""
        score = plain_name(self.metric.split("/", 2)[2])
        if self.trivial is None or score not in self.trivial or self.trivial[score].isna().all():
            return None
        values = self.trivial[score]
        lower = score in LOWER_IS_BETTER
        return str(values.idxmin() if lower else values.idxmax()), float(values.min() if lower else values.max())

    def words(self, metric: str | None = None) -> str:
        """Return a metric in words, `average precision (none)` or, of segmenters, `Dice (TTA none)`.

        Args:
            metric: name of the metric; None: the compared one.
        """
        place, name = (metric or self.metric).split("/", 2)[1:]
        if not self.segmented:
            return f"{metric_words(name)} ({place.replace('_', ' ')})"
        tta, size = tta_and_size(place)
        return f"{metric_words(name)} (TTA {tta}{', original size' if size == 'original' else ''})"


def find(sweep: SweepResults, reference: str | float | None = None, metric: str | None = None) -> Findings | None:
    """Compare the arms of a sweep; return None while no job has a test metric.

    Args:
        sweep: with or without columns of `with_validation_masks`.
        reference: an arm, in full or its value alone, which may be a number; None: see `choose_reference`.
        metric: `test/<condition>/<name>`; None: the primary metric of the experiment, or the first headline metric
            where it has none, or none that was tested.

    Raises:
        ValueError: the sweep has no such arm or metric; the message lists the available ones.
        ValueError: an arm or a metric is named while no job has a test metric.
    """
    available = [*headlines(sweep), *macro_metrics(sweep.table)]
    if not available:
        if metric is not None or reference is not None:
            asked = f"reference={reference}" if metric is None else f"metric={metric}"
            raise ValueError(f"no job of sweep {sweep.folder.name} has a test metric yet: leave out {asked}")
        return None
    primary = sweep.about.get("primary_metric")
    chosen = metric or (primary if primary in available else available[0])
    if not is_test_metric(chosen):
        raise ValueError(f"metric must be test/<condition>/<name>, got {chosen!r}")
    table = pivot(sweep.table, chosen)
    against = choose_reference(list(table.index), reference)
    place, score = chosen.split("/", 2)[1:]
    tested = test_images.gather(sweep, place)
    intervals, note = test_images.over_images(tested, against, score)
    untested = len(sweep.done) - len(tested.tables)
    notes = [note] if note else [f"It lacks {untested} done jobs without predictions.csv."] if untested else []
    if primary and primary not in available:
        notes.insert(0, f"No job was tested for the primary metric {primary}.")
    overlap = test_images.test_per_train(sweep, tested.tables)
    compared = compare_arms(table, against, overlap)
    compared["image_low"] = [intervals.get(arm, (np.nan, np.nan))[0] for arm in compared.index]
    compared["image_high"] = [intervals.get(arm, (np.nan, np.nan))[1] for arm in compared.index]
    return Findings(
        metric=chosen,
        segmented=is_segmentation(sweep.table),
        reference=against,
        table=table,
        compared=compared,
        test_per_train=overlap,
        trivial=tested.trivial,
        trivial_lacking=tested.trivial_lacking,
        notes=notes,
    )


def choose_reference(arms: list[str], name: str | float | None) -> str:
    """Return the arm of that name: in full (`zeroing=everything`), its value (`everything`), or its display name.

    Without a name it is the arm `image only` if there is one, else the first.

    Raises:
        ValueError: no arm, or more than one, has that name.
    """
    names, value = short_names(arms), USUAL_REFERENCE if name is None else str(name)
    called = ({arm, arm.split("=", 1)[-1], names[arm]} for arm in arms)
    named = [value] if value in arms else [arm for arm, own in zip(arms, called, strict=True) if value in own]
    if len(named) == 1:
        return named[0]
    if not named and name is None:
        return arms[0]
    raise ValueError(f"reference={value} names {len(named)} arms; there are: {', '.join(arms)}")


def sentences(findings: Findings, names: Mapping[str, str] | None = None) -> list[str]:
    """Write one sentence per arm: what is established against the reference and the best trivial predictor.

    Args:
        findings: of a sweep.
        names: display name of each arm, if not those of the findings.
    """
    names = names or findings.names
    means, reference = summarise(findings.table)["mean"], names[findings.reference]
    verdicts = {arm: verdict(row, reference, findings.repeats) for arm, row in findings.compared.iterrows()}
    lines = []
    for arm, name in names.items():
        against = verdicts.get(arm, "is the reference")
        clauses = [*([against] if len(means) > 1 else []), *_against_trivial(findings, float(means[arm]))]
        lines.append(f"**{name}**: {'; '.join(clauses) or f'mean {means[arm]:.3f}'}.")
    return lines + [
        f"{' and '.join(names[arm] for arm in arms)} have equal scores in all {findings.repeats}: what differs between "
        "them does not change how this metric is tested."
        for arms in _equal_arms(findings.table)
    ]


def _equal_arms(table: pd.DataFrame) -> list[list[str]]:
    """Return the groups of arms that share every score of a table of arms x repeats."""
    groups: dict[tuple[float, ...], list[str]] = {}
    for arm, scores in table.dropna().iterrows():
        groups.setdefault(tuple(scores), []).append(str(arm))
    return [arms for arms in groups.values() if len(arms) > 1]


def verdict(row: pd.Series, reference: str, repeats: str) -> str:
    """Write what is established about an arm's difference to the reference.

    Args:
        row: of `compare_arms`; image_low and image_high are considered if it has them.
        reference: display name of the reference arm.
        repeats: what the repeats are, see `Findings.repeats`.
    """
    if row["n"] == 0:
        return f"cannot be compared with {reference}, as no repeat of both is done"
    if row["n"] == 1:
        one = repeats.removesuffix("s")
        return f"one {one} cannot establish a difference from {reference} (difference {row['difference']:+.3f})"
    interval = f"95 % interval {row['low']:.3f} to {row['high']:.3f}, {row['n']:.0f} {repeats}"
    numbers = f"(difference {row['difference']:+.3f}, {interval})"
    if np.isnan(row["p"]):
        return f"the difference from {reference} does not vary, so it cannot be tested {numbers}"
    if row["p_holm"] < ALPHA:
        word = "higher" if row["difference"] > 0 else "lower"
        return f"{word} than {reference} {numbers}{_other_images(row)}"
    once = " after Holm's correction" if row["p"] < ALPHA else ""
    return f"no difference from {reference} is established{once} {numbers}"


def _other_images(row: pd.Series) -> str:
    if "image_low" not in row or np.isnan(row["image_low"]) or row["image_low"] > 0 or row["image_high"] < 0:
        return ""
    return f", but the interval over test images includes 0 ({row['image_low']:.3f} to {row['image_high']:.3f})"


def _against_trivial(findings: Findings, mean: float) -> list[str]:
    if findings.best_trivial is None or np.isnan(mean):
        return []
    name, score = findings.best_trivial
    lower = findings.metric.endswith(LOWER_IS_BETTER)
    better = mean < score if lower else mean > score
    word = f"{'' if better else 'not '}{'below' if lower else 'above'}"
    return [f"its mean {mean:.3f} is {word} the best trivial predictor, {name} ({score:.3f})"]
