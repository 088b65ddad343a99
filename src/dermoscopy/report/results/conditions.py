"""Scores by mask condition: over the revealed share of the ground-truth masks, and with the masks of validation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from dermoscopy.metrics.repeats import share_interval
from dermoscopy.metrics.statistics import Floats
from dermoscopy.report.results.arms import VALIDATION_MASKS, pivot, short_names
from dermoscopy.report.results.comparisons import Basis, compare
from dermoscopy.report.results.test_images import OverImages, gather, over_images
from dermoscopy.runs.tables import SweepResults

# Share of the cells of the ground-truth masks that the network receives, by mask condition.
SHARES = {"none": 0.0, **{f"revealed_{percent}": percent / 100 for percent in range(10, 100, 10)}, "given": 1.0}
BESIDE = ("predicted", "shuffled")  # drawn beside the curve
AREA = "area"
COMPARED = ("none", "predicted", VALIDATION_MASKS, AREA)  # places whose differences are written in sentences


@dataclass(frozen=True)
class Curves:
    """A metric of each arm by mask condition.

    Attributes:
        place, score: of the compared metric, `test/<place>/<score>`.
        reference: the arm that all others are compared with.
        basis: design and repeats.
        tables: the score by condition, each arms x repeats; last, if the curve is complete, the area below it.
        lacking: conditions of the curve that were not tested.
        compared: differences to the reference in `COMPARED` conditions, see `comparisons.compare`.
    """

    place: str
    score: str
    reference: str
    basis: Basis
    tables: Mapping[str, pd.DataFrame]
    lacking: tuple[str, ...]
    compared: Mapping[str, pd.DataFrame]

    @property
    def names(self) -> dict[str, str]:
        """Display names of the arms."""
        return short_names(list(next(iter(self.tables.values())).index))

    @property
    def in_parts(self) -> bool:
        """Whether masks were revealed in part, so that there is a curve."""
        return any(0 < SHARES.get(name, 0) < 1 for name in self.tables)

    def mean(self, name: str, arm: str) -> float:
        """Return the mean of an arm over its repeats, in one mask condition or of the area."""
        return float(self.tables[name].T[arm].mean())

    def interval(self, name: str, arm: str) -> tuple[float, float]:
        """Return the 95 % interval of an arm's mean over its repeats."""
        values = self.tables[name].T[arm].dropna().to_numpy(float)
        return share_interval(values, self.basis.design.test_per_train)

    def chosen(self, compared: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the comparison by the page's metric under the name of its condition, if that has sentences."""
        return {self.place: compared} if self.place in COMPARED else {}


def with_validation_masks(sweep: SweepResults) -> SweepResults:
    """Add columns `validation_masks` and `test/validation_masks/...` if jobs differ in the masks of validation.

    They compare each arm with the masks it was trained for. A classifier of the segmented lesion, for example, would
    otherwise be compared with others in a mask condition that it never saw.
    """
    if VALIDATION_MASKS in sweep.table:
        return sweep
    conditions = {job.number: job.last.configuration.validation_masks for job in sweep.done}
    if len(set(conditions.values())) < 2:
        return sweep
    own = sweep.table["job"].map(conditions)
    columns: dict[str, pd.Series] = {VALIDATION_MASKS: own}
    for column in sweep.table.columns[sweep.table.columns.str.match("test/[^/]+/")]:
        _, tested, metric = column.split("/", 2)
        values = columns.setdefault(f"test/{VALIDATION_MASKS}/{metric}", pd.Series(np.nan, sweep.table.index))
        columns[f"test/{VALIDATION_MASKS}/{metric}"] = values.mask(own == tested, sweep.table[column])
    known = pd.DataFrame(columns).dropna(axis=1, how="all")
    return replace(sweep, table=pd.concat([sweep.table, known], axis=1))


def in_order(names: Iterable[str]) -> list[str]:
    """Return mask conditions in order: from no masks to all of them, then the others."""
    known = [*SHARES, *BESIDE, VALIDATION_MASKS]
    return sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))


def condition_curves(sweep: SweepResults, metric: str, reference: str, basis: Basis) -> Curves | None:
    """Return a metric of classifiers by mask condition; None if only `none` and `given` were tested.

    Args:
        sweep: with or without columns of `with_validation_masks`.
        metric: the compared one, `test/<condition>/<name>`, whose own comparison is left to the caller.
        reference: the arm that all others are compared with.
        basis: design and repeats.
    """
    place, score = metric.split("/", 2)[1:]
    tested = {name: f"test/{name}/{score}" for name in [*SHARES, *BESIDE, VALIDATION_MASKS]}
    tables = {name: pivot(sweep.table, column) for name, column in tested.items() if column in sweep.table}
    if not set(tables) - {"none", "given"}:
        return None
    lacking = tuple(name for name in SHARES if name not in tables)
    if not lacking:
        tables[AREA] = area_below(tables)
    over = cache(lambda condition: over_images(gather(sweep, condition), reference, score)[0])  # each is read once
    compared = {
        name: compare(
            tables[name] - tables[name].loc[reference],
            basis.design,
            _images(name, over) if basis.design.fixed else {},
        ).drop(index=reference)
        for name in COMPARED
        if name in tables and name != place
    }
    return Curves(place, score, reference, basis, tables, lacking, compared)


def _images(name: str, over: Callable[[str], dict[str, OverImages]]) -> dict[str, OverImages]:
    """Return differences to the reference over test images, in one mask condition or of the area."""
    if name != AREA:
        return over(name)
    points = [over(condition) for condition in SHARES]
    arms = [arm for arm in points[0] if all(arm in point for point in points)]
    return {
        arm: OverImages(
            float(_area(np.array([point[arm].estimate for point in points]))),
            _area(np.stack([point[arm].left_out for point in points])),
        )
        for arm in arms
    }


def area_below(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the area below each curve by trapezoids: its height if it is flat, NaN if a point is missing."""
    heights = np.stack([tables[name].to_numpy(float) for name in SHARES])
    return pd.DataFrame(_area(heights), tables["none"].index, tables["none"].columns)


def _area(heights: Floats) -> Floats:
    """Return the area below curves (S, ...), whose first axis are the `SHARES`."""
    return np.asarray(np.trapezoid(heights, list(SHARES.values()), axis=0))


def conditions_table(curves: Curves) -> pd.DataFrame:
    """Return the content of mask_conditions.csv: one row per arm and condition, and one per arm for the area.

    Returns:
        Columns arm, mask_condition, percent (of the cells revealed), one per repeat, mean, low, high (95 % t interval),
        n.
    """
    rows = []
    for arm in curves.names:
        for name, table in curves.tables.items():
            values, (low, high) = table.T[arm], curves.interval(name, arm)
            percent = round(100 * SHARES[name]) if name in SHARES else None
            place = {"arm": arm, "mask_condition": name, "percent": percent}
            rows.append(
                place | dict(values) | {"mean": curves.mean(name, arm), "low": low, "high": high, "n": values.count()}
            )
    return pd.DataFrame(rows).astype({"percent": "Int64"})
