"""Scores by mask condition: over the revealed share of the ground-truth masks, and with the masks of validation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dermoscopy.metrics.statistics import compare_arms, share_interval
from dermoscopy.report.results.arms import VALIDATION_MASKS, pivot, short_names
from dermoscopy.report.results.findings import Findings
from dermoscopy.runs.tables import SweepResults

# Share of the cells of the ground-truth masks that the network receives, by mask condition.
SHARES = {"none": 0.0, **{f"revealed_{percent}": percent / 100 for percent in range(10, 100, 10)}, "given": 1.0}
BESIDE = ("predicted", "shuffled")  # drawn beside the curve
AREA = "area"


@dataclass(frozen=True)
class Curves:
    """A metric of each arm by mask condition.

    Attributes:
        score: the metric, without `test/<condition>/`.
        reference: the arm that all others are compared with.
        repeats: what the repeats are: seeds, folds or repeats.
        tables: the metric by condition, each arms x repeats; last, if the curve is complete, the area below it.
        lacking: conditions of the curve that were not tested.
        test_per_train: test images per training image, for the intervals; see `statistics.standard_error`.
    """

    score: str
    reference: str
    repeats: str
    tables: Mapping[str, pd.DataFrame]
    lacking: tuple[str, ...]
    test_per_train: float

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
        return share_interval(self.tables[name].T[arm].dropna().to_numpy(float), self.test_per_train)

    def compared(self, name: str) -> pd.DataFrame:
        """Return the differences of all arms to the reference, see `statistics.compare_arms`."""
        return compare_arms(self.tables[name], self.reference, self.test_per_train)


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


def condition_curves(sweep: SweepResults, findings: Findings) -> Curves | None:
    """Return the page's metric by mask condition; None if only `none` and `given` were tested."""
    score = findings.metric.split("/", 2)[2]
    tested = {name: f"test/{name}/{score}" for name in [*SHARES, *BESIDE, VALIDATION_MASKS]}
    tables = {name: pivot(sweep.table, metric) for name, metric in tested.items() if metric in sweep.table}
    if findings.segmented or not set(tables) - {"none", "given"}:
        return None
    lacking = tuple(name for name in SHARES if name not in tables)
    if not lacking:
        tables[AREA] = area_below(tables)
    return Curves(score, findings.reference, findings.repeats, tables, lacking, findings.test_per_train)


def area_below(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the area below each curve by trapezoids: its height if it is flat, NaN if a point is missing."""
    heights = np.stack([tables[name].to_numpy(float) for name in SHARES])
    below = np.trapezoid(heights, list(SHARES.values()), axis=0)
    return pd.DataFrame(below, tables["none"].index, tables["none"].columns)


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
