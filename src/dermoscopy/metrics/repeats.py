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

from dermoscopy.metrics.statistics import Floats, Numbers

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


def standard_error(sd: Numbers, n: Numbers, test_per_train: float = 0.0) -> Numbers:
    """Return the standard error of a mean over repeats, corrected for overlapping training sets.

    Var(mean) = s^2 (1/n + n_test/n_train): repeats that redraw train and test from the same images (other seeds of a
    split, or folds) share training images, so they are not independent, and 1/n alone would shrink without limit as
    repeats are added.
    Source: Nadeau and Bengio 2003, Inference for the Generalization Error, doi 10.1023/A:1024068626366; for repeated
    folds Bouckaert and Frank 2004, doi 10.1007/978-3-540-24775-3_3.

    Args:
        sd: standard deviation over repeats, Bessel-corrected.
        n: number of repeats.
        test_per_train: see `Design`.
    """
    return sd * np.sqrt(1 / n + test_per_train)


def t_interval(values: Floats, level: float = 0.95, test_per_train: float = 0.0) -> tuple[float, float]:
    """Return the Student t interval of a mean, see `standard_error`; NaN with fewer than two values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    n = len(values)
    half = stats.t.ppf((1 + level) / 2, n - 1) * standard_error(float(values.std(ddof=1)), n, test_per_train)
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
    table = pd.DataFrame({"difference": differences.mean(axis=1), "sd": differences.std(axis=1)})
    table = table.assign(n=differences.count(axis=1))
    mean, n = table["difference"].to_numpy(float), table["n"].where(table["n"] > 1).to_numpy(float)
    error = standard_error(table["sd"].to_numpy(float), n, design.test_per_train)
    half = stats.t.ppf(0.975, n - 1) * error
    varied = differences.max(axis=1) - differences.min(axis=1) > 1e-12  # the t statistic of equal ones is undefined
    t = mean / np.where(varied, error, np.nan)
    return table.assign(low=mean - half, high=mean + half, p=2 * stats.t.sf(abs(t), n - 1))


def holm(p: Floats) -> Floats:
    """Return p values corrected for multiple testing by Holm's step-down; undefined ones stay so and do not count.

    Args:
        p: (..., K), each family of K by itself.
    """
    order = np.argsort(p, axis=-1)  # undefined ones last
    number = np.isfinite(p).sum(-1, keepdims=True)
    raised = np.take_along_axis(p, order, -1) * (number - np.arange(p.shape[-1]))
    out = np.empty(p.shape)
    np.put_along_axis(out, order, np.maximum.accumulate(np.minimum(raised, 1), axis=-1), -1)
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
