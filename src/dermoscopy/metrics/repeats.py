"""Comparison of arms over repeats: paired t tests that know how the repeats drew their test images.

The interval over repeats estimates how much another training, and another split where repeats draw their own, would
change a difference. Where all repeats share their test images it says nothing about other images; a difference is then
established only if the interval over test images (`dermoscopy.metrics.intervals`) excludes zero as well.
Undefined values are NaN and excluded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dermoscopy.metrics.statistics import Floats

OWN_SPLITS, FOLDS, FIXED_SPLIT = "own splits", "folds", "fixed split"
ALPHA = 0.05


@dataclass(frozen=True)
class Design:
    """How the repeats of a sweep drew their test images.

    Attributes:
        kind: `OWN_SPLITS` (each draws its own from all images), `FOLDS` (each image is tested once per partition) or
            `FIXED_SPLIT` (all have the same test images).
        test_per_train: number of test images per training image; 0 for a fixed split, whose repeats share no choice of
            images that differs between them.
    """

    kind: str
    test_per_train: float = 0.0

    @property
    def fixed(self) -> bool:
        """Whether all repeats have the same test images."""
        return self.kind == FIXED_SPLIT


def standard_error(values: Floats, test_per_train: float = 0.0) -> float:
    """Return the standard error of a mean over repeats, corrected for overlapping training sets; NaN below two values.

    Var(mean) = s^2 (1/n + n_test/n_train): repeats that redraw train and test from the same images (other seeds of a
    split, or folds) share training images, so they are not independent, and 1/n alone would shrink without limit as
    repeats are added.
    Source: Nadeau and Bengio 2003, Inference for the Generalization Error, doi 10.1023/A:1024068626366; for repeated
    folds Bouckaert and Frank 2004, doi 10.1007/978-3-540-24775-3_3.

    Args:
        values: (n,) one per repeat.
        test_per_train: see `Design`.
    """
    if len(values) < 2:
        return float("nan")
    return float(values.std(ddof=1) * np.sqrt(1 / len(values) + test_per_train))


def t_interval(values: Floats, level: float = 0.95, test_per_train: float = 0.0) -> tuple[float, float]:
    """Return the Student t interval of a mean, see `standard_error`; NaN with fewer than two values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * standard_error(values, test_per_train)
    return float(values.mean() - half), float(values.mean() + half)


def share_interval(values: Floats, test_per_train: float = 0.0) -> tuple[float, float]:
    """Return the `t_interval` of a mean, clipped to [0, 1] where all values are shares."""
    low, high = t_interval(values, test_per_train=test_per_train)
    if np.all((values >= 0) & (values <= 1)):
        return max(low, 0.0), min(high, 1.0)
    return low, high


def paired(differences: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Test for each arm whether the mean of its differences over repeats is zero.

    Args:
        differences: arms x repeats, NaN where one of the two jobs is not done.
        design: of the sweep.

    Returns:
        One row per arm: difference (mean), sd, n (pairs), low, high (95 % t interval), p (t test; NaN if the
        differences do not vary).
    """
    rows = {arm: _paired(row.dropna().to_numpy(float), design.test_per_train) for arm, row in differences.iterrows()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "sd", "n", "low", "high", "p"])


def _paired(values: Floats, test_per_train: float) -> tuple[float, float, int, float, float, float]:
    mean = float(values.mean()) if len(values) else float("nan")
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    varied = len(values) > 1 and np.ptp(values) > 1e-12  # the t statistic of equal differences is undefined
    t = mean / standard_error(values, test_per_train) if varied else float("nan")
    p = float(2 * stats.t.sf(abs(t), max(1, len(values) - 1)))
    return mean, sd, len(values), *t_interval(values, test_per_train=test_per_train), p


def compare_arms(table: pd.DataFrame, reference: str, design: Design) -> pd.DataFrame:
    """Compare each arm with the reference over the repeats that both have, see `paired`.

    Args:
        table: arms x repeats.
        reference: one of the arms.
        design: of the sweep.
    """
    return paired(table.drop(index=reference) - table.loc[reference], design)


def holm(p: Floats) -> Floats:
    """Return p values corrected for multiple testing by Holm's step-down; undefined ones stay so and do not count."""
    out = np.full(len(p), np.nan)
    order = [k for k in np.argsort(p) if not np.isnan(p[k])]
    raised = [min(1.0, p[k] * (len(order) - rank)) for rank, k in enumerate(order)]
    out[order] = np.maximum.accumulate(raised) if raised else []
    return out


def one_family(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Correct the p values of all rows of all tables together by Holm's method.

    A comparison that stands in several tables, such as that of an arm in a mask condition which is also the one of its
    validation, is one hypothesis and counts once: its p values are equal to the last digit.

    Args:
        tables: with a column p.

    Returns:
        The tables with columns p_holm and family, the number of comparisons that were corrected together.
    """
    values = [table["p"].to_numpy(float) for table in tables]
    distinct, place = np.unique(np.concatenate([*values, []]).round(12), return_inverse=True)
    corrected = holm(distinct)[place]
    parts = np.split(corrected, np.cumsum([len(part) for part in values])[:-1]) if tables else []
    size = int(np.isfinite(distinct).sum())
    return [table.assign(p_holm=part, family=size) for table, part in zip(tables, parts, strict=True)]
