"""What a sweep says: which metric and reference, how each arm differs from it, and that in a sentence."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.metrics.statistics import compare_arms
from dermoscopy.metrics.weighted_classification import TUNED
from dermoscopy.plots.style import metric_words
from dermoscopy.report.results import test_images
from dermoscopy.report.results.arms import headlines, macro_metrics, pivot, segments, short_names, summarise
from dermoscopy.report.results.mask_scores import shown
from dermoscopy.runs.tables import SweepResults

LOWER_IS_BETTER = ("failure_rate", "hd95", "brier", "ece")
USUAL_REFERENCE = "image only"
ALPHA = 0.05


@dataclass(frozen=True)
class Findings:
    """What a page says of one metric of a sweep.

    Attributes:
        metric: `test/<condition>/<name>`; of segmenters, tta and size stand in the place of the mask_condition.
        segmented: whether the arms are segmenters.
        reference: the arm that all others are compared with.
        table: the metric, arms x repeats.
        compared: result of `compare_arms` and, over test images, image_low and image_high.
        test_per_train: test images per training image where repeats were tested on different images, else 0.
        trivial: scores of the trivial predictors, None where they cannot be computed.
        trivial_lacking: why not.
        notes: why there are no intervals over images.
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
        """Arms as they are shown."""
        return short_names(list(self.table.index))

    @property
    def repeats(self) -> str:
        """What a repeat of an arm is."""
        names = list(self.table.columns)
        if not any("fold" in name for name in names):
            return "seeds"
        return "folds" if len({name.split(" fold ")[0] for name in names}) == 1 else "repeats"

    @property
    def best_trivial(self) -> tuple[str, float] | None:
        """Name and score of the trivial predictor that is hardest to beat, if the metric has one."""
        score = self.metric.split("/", 2)[2].removeprefix(TUNED)
        if self.trivial is None or score not in self.trivial or self.trivial[score].isna().all():
            return None
        values = self.trivial[score]
        lower = score in LOWER_IS_BETTER
        return str(values.idxmin() if lower else values.idxmax()), float(values.min() if lower else values.max())

    def words(self, metric: str | None = None) -> str:
        """A metric, or the one compared, as words: `average precision (none)`, of segmenters `Dice (TTA none)`."""
        place, name = (metric or self.metric).split("/", 2)[1:]
        if not self.segmented:
            return f"{metric_words(name)} ({place.replace('_', ' ')})"
        tta, size = shown(place)
        return f"{metric_words(name)} (TTA {tta}{', original size' if size == 'original' else ''})"


def find(sweep: SweepResults, reference: str | float | None = None, metric: str | None = None) -> Findings | None:
    """Compare the arms of a sweep; None while no job has a test metric.

    Args:
        reference: an arm, in full or its value alone, which may be a number; None: see `choose_reference`.
        metric: `test/<condition>/<name>`; the first headline metric where None.

    Raises:
        ValueError: the sweep has no such arm or metric; the message lists those there are.
    """
    available = [*headlines(sweep), *macro_metrics(sweep.table)]
    if not available:
        return None
    chosen = metric or available[0]
    if chosen.count("/") < 2 or not chosen.startswith("test/"):
        raise ValueError(f"metric must be test/<condition>/<name>, got {chosen!r}")
    table = pivot(sweep.table, chosen)
    against = choose_reference(list(table.index), reference)
    place, score = chosen.split("/", 2)[1:]
    tested = test_images.gather(sweep, place)
    intervals, note = test_images.over_images(tested, against, score)
    untested = len(sweep.done) - len(tested.tables)
    notes = [note] if note else [f"It lacks {untested} done jobs without predictions.csv."] if untested else []
    overlap = test_images.test_per_train(sweep, tested.tables)
    compared = compare_arms(table, against, overlap)
    compared["image_low"] = [intervals.get(arm, (np.nan, np.nan))[0] for arm in compared.index]
    compared["image_high"] = [intervals.get(arm, (np.nan, np.nan))[1] for arm in compared.index]
    return Findings(
        metric=chosen,
        segmented=segments(sweep.table),
        reference=against,
        table=table,
        compared=compared,
        test_per_train=overlap,
        trivial=tested.trivial,
        trivial_lacking=tested.trivial_lacking,
        notes=notes,
    )


def choose_reference(arms: list[str], name: str | float | None) -> str:
    """Return the arm of that name: in full (`zeroing=everything`), its value (`everything`), or as it is shown.

    Without a name it is the arm of the image alone where there is one, else the first.

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


def sentences(findings: Findings) -> list[str]:
    """What may be said of each arm, and no more: against the reference, and against knowing nothing."""
    means, reference = summarise(findings.table)["mean"], findings.names[findings.reference]
    verdicts = {arm: verdict(row, reference, findings.repeats) for arm, row in findings.compared.iterrows()}
    lines = []
    for arm, name in findings.names.items():
        against = verdicts.get(arm, "is the reference")
        said = [*([against] if len(means) > 1 else []), *_against_trivial(findings, float(means[arm]))]
        lines.append(f"**{name}**: {'; '.join(said) or f'mean {means[arm]:.3f}'}.")
    return lines


def verdict(row: pd.Series, reference: str, repeats: str) -> str:
    """What may be said of an arm's difference to the reference.

    Args:
        row: of `compare_arms`; where it has image_low and image_high, they are considered.
        reference: the other arm as it is shown.
        repeats: what a repeat is, see `Findings.repeats`.
    """
    if row["n"] == 0:
        return f"cannot be compared with {reference}, as no repeat of both is done"
    if row["n"] == 1:
        one = repeats.removesuffix("s")
        return f"one {one} says nothing about a difference from {reference} (difference {row['difference']:+.3f})"
    interval = f"95 % interval {row['low']:.3f} to {row['high']:.3f}, {row['n']:.0f} {repeats}"
    numbers = f"(difference {row['difference']:+.3f}, {interval})"
    if np.isnan(row["p"]):
        return f"the difference from {reference} does not vary, so there is no test of it {numbers}"
    if row["p_holm"] < ALPHA:
        word = "higher" if row["difference"] > 0 else "lower"
        return f"{word} than {reference} {numbers}{_other_images(row)}"
    once = ", Holm's correction considered" if row["p"] < ALPHA else ""
    return f"no difference from {reference} is established{once} {numbers}"


def _other_images(row: pd.Series) -> str:
    if "image_low" not in row or np.isnan(row["image_low"]) or row["image_low"] > 0 or row["image_high"] < 0:
        return ""
    return f", yet with other test images it might not be ({row['image_low']:.3f} to {row['image_high']:.3f})"


def _against_trivial(findings: Findings, mean: float) -> list[str]:
    if findings.best_trivial is None or np.isnan(mean):
        return []
    name, score = findings.best_trivial
    lower = findings.metric.endswith(LOWER_IS_BETTER)
    better = mean < score if lower else mean > score
    word = f"{'' if better else 'not '}{'below' if lower else 'above'}"
    return [f"its mean {mean:.3f} is {word} the best trivial predictor, {name} ({score:.3f})"]
