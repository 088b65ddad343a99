"""What a sweep says: which metric and reference, how each arm differs from it, and that in a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.analysis.arms import headline_metrics, macro_metrics, pivot, short_names, summarise
from dermoscopy.analysis.runs import Sweep, predictions
from dermoscopy.analysis.statistics import (
    SCORES,
    Predictions,
    bootstrap,
    compare_arms,
    percentiles,
    same_images,
    trivial_predictors,
)

COLUMNS = {"id", "group", "availability", "label", "truth", "logit"}
USUAL_REFERENCE = "never"
ALPHA = 0.05


@dataclass(frozen=True)
class Findings:
    """What a page says of one metric of a sweep.

    Attributes:
        metric: `test/<availability>/<name>`.
        reference: the arm that all others are compared with.
        table: the metric, arms x repeats.
        compared: result of `compare_arms` and, over test images, image_low and image_high.
        test_per_train: test images per training image where repeats were tested on different images, else 0.
        trivial: scores of the trivial predictors, None where predictions.csv holds no labels.
        notes: why something could not be computed.
    """

    metric: str
    reference: str
    table: pd.DataFrame
    compared: pd.DataFrame
    test_per_train: float
    trivial: pd.DataFrame | None
    notes: list[str]

    @property
    def names(self) -> dict[str, str]:
        """Arms as they are shown."""
        return short_names(list(self.table.index))

    @property
    def repeats(self) -> str:
        """What a repeat of an arm is."""
        return "repeats" if any("fold" in name for name in self.table.columns) else "seeds"

    @property
    def best_trivial(self) -> tuple[str, float] | None:
        """Name and score of the trivial predictor that is hardest to beat, if the metric has one."""
        score = self.metric.split("/", 2)[2]
        if self.trivial is None or score not in self.trivial or self.trivial[score].isna().all():
            return None
        return str(self.trivial[score].idxmax()), float(self.trivial[score].max())


def find(sweep: Sweep, reference: str | None = None, metric: str | None = None) -> Findings | None:
    """Compare the arms of a sweep; None while no job has a test metric.

    Args:
        reference: an arm, in full or its value alone; the arm `never`, else the first one, where None.
        metric: `test/<availability>/<name>`; the first headline metric where None.

    Raises:
        ValueError: the sweep has no such arm or metric; the message lists those there are.
    """
    there_are = [*headline_metrics(sweep.jobs), *macro_metrics(sweep.jobs)]
    if not there_are:
        return None
    chosen = metric or there_are[0]
    if chosen.count("/") < 2 or not chosen.startswith("test/"):
        raise ValueError(f"metric must be test/<availability>/<name>, got {chosen!r}")
    table = pivot(sweep.jobs, chosen)
    against = choose_reference(list(table.index), reference)
    availability, score = chosen.split("/", 2)[1:]
    tables = _predictions(sweep, availability)
    intervals, note = _over_images(tables, against, score)
    untested = int((sweep.jobs["status"] == "done").sum()) - len(tables)
    notes = [note] if note else [f"It lacks {untested} done jobs without predictions.csv."] if untested else []
    overlap = _test_per_train(sweep, tables)
    compared = compare_arms(table, against, overlap)
    compared["image_low"] = [intervals.get(arm, (np.nan, np.nan))[0] for arm in compared.index]
    compared["image_high"] = [intervals.get(arm, (np.nan, np.nan))[1] for arm in compared.index]
    return Findings(chosen, against, table, compared, overlap, _trivial(tables), notes)


def _test_per_train(sweep: Sweep, tables: Mapping[tuple[str, str], Predictions]) -> float:
    """Mean over the done jobs of test images per training image; 0 where all were tested on the same images."""
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    folds = done["fold"].notna().any()
    if not folds and len({frozenset(table.id) for table in tables.values()}) < 2:
        return 0.0
    sizes = [sweep.records[number]["data"] for number in done["job"]]
    return float(np.mean([data["test"] / data["train"] for data in sizes]))


def choose_reference(arms: list[str], name: str | None) -> str:
    """The arm of that name, in full (`zeroing=never`) or its value alone (`never`).

    Raises:
        ValueError: no arm, or more than one, has that name.
    """
    wanted = name or USUAL_REFERENCE
    found = [arm for arm in arms if arm == wanted] or [arm for arm in arms if arm.split("=", 1)[-1] == wanted]
    if len(found) == 1 or (not found and name is None):
        return found[0] if found else arms[0]
    raise ValueError(f"reference={wanted} names {len(found)} arms; there are: {', '.join(arms)}")


def _predictions(sweep: Sweep, availability: str) -> dict[tuple[str, str], Predictions]:
    """Predictions of the done jobs by arm and repeat, of those that left any with labels and this availability."""
    tables = {}
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    for job, arm, repeat in zip(done["job"], done["arm"], done["repeat"], strict=True):
        table = predictions(sweep, job)
        if table is not None and set(table.columns) >= COLUMNS and availability in set(table["availability"]):
            tables[arm, repeat] = Predictions.from_table(table, availability)
    return tables


def _over_images(
    tables: Mapping[tuple[str, str], Predictions], reference: str, score: str
) -> tuple[dict[str, tuple[float, float]], str]:
    """95 % bootstrap interval of each arm's mean difference to the reference over the repeats of both, or why none."""
    if score not in SCORES:
        return {}, f"No interval over test images: the bootstrap knows {', '.join(SCORES)}, not {score}."
    if not tables:
        return {}, "No interval over test images: no job left predictions.csv with labels."
    if not same_images(list(tables.values())):
        return {}, "No interval over test images: they differ between jobs."
    samples = dict(zip(tables, bootstrap(list(tables.values()), score).T, strict=True))
    intervals = {}
    for arm in dict.fromkeys(arm for arm, _ in tables):
        shared = [repeat for other, repeat in tables if other == arm and (reference, repeat) in tables]
        if shared and arm != reference:
            differences = [samples[arm, repeat] - samples[reference, repeat] for repeat in shared]
            intervals[arm] = percentiles(np.mean(differences, axis=0))
    return intervals, ""


def _trivial(tables: Mapping[tuple[str, str], Predictions]) -> pd.DataFrame | None:
    """Trivial predictors on the test images; the mean over jobs where these were tested on different images."""
    parts = [trivial_predictors(table.truth) for table in tables.values()]
    return pd.concat(parts).groupby(level=0, sort=False).mean() if parts else None


def sentences(findings: Findings) -> list[str]:
    """What may be said of each arm, and no more: against the reference, and against knowing nothing."""
    means = summarise(findings.table)["mean"]
    lines = []
    for arm, name in findings.names.items():
        against = "is the reference" if arm == findings.reference else _verdict(findings, arm)
        lines.append(f"**{name}**: {against}{_against_trivial(findings, float(means[arm]))}.")
    return lines


def _verdict(findings: Findings, arm: str) -> str:
    row, reference = findings.compared.T[arm], findings.names[findings.reference]
    if row["n"] == 0:
        return f"cannot be compared with {reference}, as no repeat of both is done"
    if row["n"] == 1:
        one = findings.repeats.removesuffix("s")
        return f"one {one} says nothing about a difference from {reference} (difference {row['difference']:+.3f})"
    interval = f"95 % interval {row['low']:.3f} to {row['high']:.3f}, {row['n']:.0f} {findings.repeats}"
    numbers = f"(difference {row['difference']:+.3f}, {interval})"
    if np.isnan(row["p"]):
        return f"the difference from {reference} does not vary, so there is no test of it {numbers}"
    if row["p_holm"] < ALPHA:
        word = "higher" if row["difference"] > 0 else "lower"
        return f"{word} than {reference} {numbers}{_other_images(row)}"
    once = ", Holm's correction considered" if row["p"] < ALPHA else ""
    return f"no difference from {reference} is established{once} {numbers}"


def _other_images(row: pd.Series) -> str:
    if np.isnan(row["image_low"]) or row["image_low"] > 0 or row["image_high"] < 0:
        return ""
    return f", yet with other test images it might not be ({row['image_low']:.3f} to {row['image_high']:.3f})"


def _against_trivial(findings: Findings, mean: float) -> str:
    if findings.best_trivial is None or np.isnan(mean):
        return ""
    name, score = findings.best_trivial
    word = "above" if mean > score else "not above"
    return f"; its mean {mean:.3f} is {word} the best trivial predictor, {name} ({score:.3f})"
