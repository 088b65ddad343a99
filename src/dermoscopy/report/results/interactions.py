"""The mean score by the values of two swept axes: whether the effect of one depends on the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from dermoscopy.report.results.arms import summarise
from dermoscopy.runs.tables import NOT_AN_ARM, SweepResults


@dataclass(frozen=True)
class Interaction:
    """Mean scores by the values of two axes.

    Attributes:
        rows, columns: names of the axes.
        means: values of the one x values of the other; NaN where no arm has both.
        counts: number of arms behind each mean, more than one if further axes were swept.
    """

    rows: str
    columns: str
    means: pd.DataFrame
    counts: pd.DataFrame


def interactions(sweep: SweepResults, table: pd.DataFrame) -> list[Interaction]:
    """Return one table for each pair of axes with two or more values each, except seed and fold; often there is none.

    The mean of a cell is that of the means of its arms, so that every arm counts once, whatever its number of repeats.

    Args:
        sweep: whose axes are read.
        table: a metric, arms x repeats.
    """
    settings = arm_settings(sweep)
    means = summarise(table)["mean"].dropna().rename_axis("arm")
    values = pd.DataFrame([settings.get(str(arm), {}) for arm in means.index], index=means.index)
    axes = [axis for axis in values.columns if values[axis].nunique() > 1]
    found = []
    for one, other in combinations(axes, 2):
        order = [list(values[axis].dropna().unique()) for axis in (one, other)]
        cells = means.groupby([values[one], values[other]], sort=False).agg(["mean", "count"])
        mean, count = (_crossed(cells[name], *order) for name in ("mean", "count"))
        if mean.notna().sum(axis=1).max() > 1 and mean.notna().sum().max() > 1:
            found.append(Interaction(one, other, mean, count.fillna(0).astype(int)))
    return found


def _crossed(cells: pd.Series, rows: list[str], columns: list[str]) -> pd.DataFrame:
    return cells.unstack().reindex(index=rows, columns=columns)  # noqa: PD010  (each pair of values is there once)


def arm_settings(sweep: SweepResults) -> dict[str, Mapping[str, str]]:
    """Return the value of each swept axis of each arm, without those that repeat it."""
    return {
        job.arm: {axis: str(value) for axis, value in job.record["axes"].items() if axis not in NOT_AN_ARM}
        for job in sweep.jobs
    }
