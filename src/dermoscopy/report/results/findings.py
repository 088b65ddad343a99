"""Findings of a sweep: the compared metric, the reference arm, and the differences of the others in sentences."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dermoscopy.metrics.repeats import one_family
from dermoscopy.metrics.segmentation import UNBOUNDED
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
)
from dermoscopy.report.results.comparisons import Basis, compare, sweep_basis
from dermoscopy.report.results.conditions import Curves, condition_curves
from dermoscopy.report.results.label_predictions import TRIVIAL_SCORES
from dermoscopy.report.results.mask_scores import TRIVIAL_MASK_SCORES, tta_and_size
from dermoscopy.runs.tables import SweepResults

LOWER_IS_BETTER = ("failure_rate", "hd95", "one_side_empty", "brier", "ece")
USUAL_REFERENCE = "image only"


@dataclass(frozen=True)
class Findings:
    """Comparison of the arms of a sweep by one metric. All its p values are corrected together, as one family.

    Attributes:
        metric: `test/<condition>/<name>`; for segmenters, the condition is the TTA and the size.
        primary: whether it is the metric that the experiment named beforehand.
        segmented: whether the arms are segmenters.
        reference: the arm that all others are compared with.
        table: the metric, arms x repeats.
        basis: design, repeats and the smallest difference that matters.
        compared: differences of the other arms to the reference, see `comparisons.compare`.
        trivial: scores of the trivial predictors, None if they cannot be computed.
        trivial_lacking: why not.
        against_trivial: differences of all arms to the best trivial predictor.
        curves: the metric by mask condition, None if there is nothing more to say about it.
        notes: why there are no intervals over test images, or for which jobs.
    """

    metric: str
    primary: bool
    segmented: bool
    reference: str
    table: pd.DataFrame
    basis: Basis
    compared: pd.DataFrame
    trivial: pd.DataFrame | None
    trivial_lacking: str
    against_trivial: pd.DataFrame
    curves: Curves | None
    notes: list[str]

    @property
    def names(self) -> dict[str, str]:
        """Display names of the arms."""
        return short_names(list(self.table.index))

    @property
    def repeats(self) -> str:
        """What the repeats of an arm are, see `Basis`."""
        return self.basis.repeats

    @property
    def lower_is_better(self) -> bool:
        """Whether the smaller of two scores is the better one."""
        return plain_name(self.metric.split("/")[2]) in LOWER_IS_BETTER

    def is_better(self, difference: float) -> bool:
        """Tell whether a difference of this sign is an improvement."""
        return difference != 0 and (difference < 0) == self.lower_is_better

    @property
    def family(self) -> int:
        """Number of comparisons on the page whose p values are corrected together."""
        tables = [self.compared, self.against_trivial, *(self.curves.compared.values() if self.curves else ())]
        return max((int(table["family"].max()) for table in tables if len(table)), default=0)

    @property
    def best_trivial(self) -> tuple[str, float] | None:
        """Name and score of the best trivial predictor, None if there is none for the metric."""
        return best_predictor(self.trivial, self.metric.split("/", 2)[2])

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


def best_predictor(trivial: pd.DataFrame | None, score: str) -> tuple[str, float] | None:
    """Return name and value of the best trivial predictor by a score, None if none has it.

    Args:
        trivial: predictors x scores.
        score: of a metric; at a tuned threshold, that of its plain name counts.
    """
    score = plain_name(score)
    if trivial is None or score not in trivial or trivial[score].isna().all():
        return None
    values = trivial[score]
    lower = score.partition("/")[0] in LOWER_IS_BETTER
    return str(values.idxmin() if lower else values.idxmax()), float(values.min() if lower else values.max())


def compared_metric(sweep: SweepResults, metric: str | None = None) -> str | None:
    """Return the metric that a page compares; None while no job has a test metric.

    Args:
        sweep: with or without columns of `with_validation_masks`.
        metric: what the user has named; None: the primary metric of the experiment, or the first headline metric where
            it has none, or none that was tested.

    Raises:
        ValueError: what is named is no test metric.
    """
    available = [*headlines(sweep), *macro_metrics(sweep.table)]
    if not available:
        return None
    primary = sweep.about.get("primary_metric")
    chosen = metric or (primary if primary in available else available[0])
    if not is_test_metric(chosen):
        raise ValueError(f"metric must be test/<condition>/<name>, got {chosen!r}")
    return chosen


def find(
    sweep: SweepResults,
    reference: str | float | None = None,
    metric: str | None = None,
    meaningful: float | None = None,
) -> Findings | None:
    """Compare the arms of a sweep; return None while no job has a test metric.

    Args:
        sweep: with or without columns of `with_validation_masks`.
        reference: an arm, in full or its value alone, which may be a number; None: see `choose_reference`.
        metric: `test/<condition>/<name>`; None: see `compared_metric`.
        meaningful: size of the smallest difference that matters; None: none is known.

    Raises:
        ValueError: the sweep has no such arm or metric; the message lists the available ones.
        ValueError: an arm or a metric is named while no job has a test metric.
    """
    chosen = compared_metric(sweep, metric)
    if chosen is None:
        if metric is not None or reference is not None:
            asked = f"reference={reference}" if metric is None else f"metric={metric}"
            raise ValueError(f"no job of sweep {sweep.folder.name} has a test metric yet: leave out {asked}")
        return None
    primary = sweep.about.get("primary_metric")
    table = pivot(sweep.table, chosen)
    against = choose_reference(list(table.index), reference)
    place, score = chosen.split("/", 2)[1:]
    basis = sweep_basis(sweep, table, None if score.partition("/")[0] in UNBOUNDED else meaningful)
    images = test_images.gather(sweep, place)
    over, note = test_images.over_images(images, against, score)
    untested = len(sweep.done) - len(images.tables)
    notes = [note] if note else [f"It lacks {untested} done jobs without predictions.csv."] if untested else []
    if primary and primary not in (*headlines(sweep), *macro_metrics(sweep.table)):
        notes.insert(0, f"No job was tested for the primary metric {primary}.")
    segmented = is_segmentation(sweep.table)
    compared = compare(table.drop(index=against) - table.loc[against], basis.design, over)
    trivial = test_images.trivial_table(images, TRIVIAL_MASK_SCORES if segmented else TRIVIAL_SCORES)
    against_trivial = _against_trivial(table, images, best_predictor(trivial, score), score, basis)
    curves = None if segmented else condition_curves(sweep, chosen, against, basis)
    places = curves.compared if curves else {}
    first, second, *others = one_family([compared, against_trivial, *places.values()])
    return Findings(
        metric=chosen,
        primary=chosen == primary,
        segmented=segmented,
        reference=against,
        table=table,
        basis=basis,
        compared=first,
        trivial=trivial,
        trivial_lacking=images.trivial_lacking,
        against_trivial=second,
        curves=curves and replace(curves, compared=dict(zip(places, others, strict=True)) | curves.chosen(first)),
        notes=notes,
    )


def _against_trivial(
    table: pd.DataFrame, images: test_images.TestImages, best: tuple[str, float] | None, score: str, basis: Basis
) -> pd.DataFrame:
    """Compare each arm with the best trivial predictor on the same test images; no row if there is none."""
    if best is None:
        return compare(table.iloc[:0], basis.design, {})
    name, own = best[0], plain_name(score)
    trivial = pd.DataFrame(np.nan, table.index, table.columns)
    for (arm, repeat), predictors in images.trivial.items():
        trivial.loc[arm, repeat] = test_images.score_once(predictors[name], own)
    over = test_images.over_trivial(images, name, score, own) if basis.design.fixed else {}
    return compare(table - trivial, basis.design, over)


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
    if name is None:
        return (named or arms)[0]
    raise ValueError(f"reference={value} names {len(named)} arms; there are: {', '.join(arms)}")
