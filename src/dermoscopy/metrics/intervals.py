"""Intervals over test images by the jackknife: how a score would vary if other images had been tested.

The variance of a score is estimated from its values without one block of images at a time. Student's t has as many
degrees of freedom as that variance is worth: where a score hangs on few images, such as the 16 positives of a rare
label, a normal quantile or the percentiles of a bootstrap give an interval that is too short. docs/statistics.md
compares them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from dermoscopy.metrics.statistics import Floats, Numbers, Tested

BLOCKS = 200
EQUAL = 1e-12  # values that differ by less are equal up to rounding


class Spread(NamedTuple):
    """Standard errors of scores and the degrees of freedom of their estimates, both NaN where undefined."""

    error: Numbers
    freedom: Numbers


def jackknife(tables: Sequence[Tested], score: str, blocks: int = BLOCKS, seed: int = 0) -> Floats:
    """Return the scores (B, T) of T predictors without one of B blocks of all test images at a time."""
    weights = block_weights([table.group for table in tables], blocks, seed)
    return np.stack([table.score(score, weight) for table, weight in zip(tables, weights, strict=True)], axis=1)


def block_weights(groups: Sequence[NDArray[np.object_]], blocks: int = BLOCKS, seed: int = 0) -> Iterator[Floats]:
    """Yield, per predictor, weights (B, N) of its images: 0 in the block that is left out, else 1.

    A block consists of whole groups, drawn at random; there are as many blocks as groups, but at most `blocks`. All
    predictors share them, so differences of their scores are paired. A predictor tested on only some of the images
    (another seed of the split, a fold) keeps its score where a block has none of them.

    Args:
        groups: per predictor, (N,) the group of each of its images.
        blocks: the most blocks.
        seed: of the order of the groups.
    """
    names = np.unique(np.concatenate([group.astype(str) for group in groups]))
    count = min(len(names), blocks)
    block = np.random.default_rng(seed).permutation(np.arange(len(names)) % count)
    for group in groups:
        yield (block[np.searchsorted(names, group.astype(str))] != np.arange(count)[:, None]).astype(float)


def spread(values: Floats) -> Spread:
    """Return the jackknife's standard error and its degrees of freedom.

    With deviations d of the values from their mean, the variance is (B - 1) / B sum d^2. If the deviations have the
    kurtosis k = B sum d^4 / (sum d^2)^2, that variance itself has the relative variance (k - (B - 3) / (B - 1)) / B;
    the degrees of freedom are those of the chi-squared distribution with the same one, 2 / that, at most B - 1.
    Source: Efron and Stein 1981, The jackknife estimate of variance, doi 10.1214/aos/1176345462; for matching a
    variance by its own variance, Satterthwaite 1946, doi 10.2307/3002019.

    Args:
        values: (B,) the score without each block. It is undefined where one of them is: a score that does not exist
            without one block says nothing about other images. So it is where all are equal.
    """
    number = len(values)
    if number < 2 or not np.isfinite(values).all() or np.ptp(values) < EQUAL:
        return Spread(float("nan"), float("nan"))
    squares = (values - values.mean()) ** 2
    kurtosis = number * (squares**2).sum() / squares.sum() ** 2
    freedom = 2 * number / (kurtosis - (number - 3) / (number - 1))
    return Spread(float(np.sqrt((number - 1) / number * squares.sum())), float(min(freedom, number - 1)))


def combined(*parts: Spread) -> Spread:
    """Return the spread of an estimate with several independent sources of variation.

    The variances add up; the degrees of freedom are those of Welch and Satterthwaite.
    Source: Welch 1947, doi 10.1093/biomet/34.1-2.28.
    """
    variances = np.array([part.error**2 for part in parts])
    freedom = variances.sum(0) ** 2 / (variances**2 / np.array([part.freedom for part in parts])).sum(0)
    return Spread(np.sqrt(variances.sum(0)), freedom)


def over_trainings(sd: Numbers, number: Numbers) -> Spread:
    """Return the spread of means over trainings with a standard deviation of `sd`, undefined for a single one."""
    several = np.where(np.asarray(number) < 2, np.nan, number)
    return Spread(sd / np.sqrt(several), several - 1)


def t_ends(estimate: Numbers, total: Spread, level: float = 0.95) -> tuple[Numbers, Numbers]:
    """Return the ends of the t intervals of estimates with a known spread."""
    half = stats.t.ppf((1 + level) / 2, total.freedom) * total.error
    return estimate - half, estimate + half


def t_p(away: Numbers, total: Spread) -> Numbers:
    """Return the two-sided p values of estimates with a known spread.

    Args:
        away: estimates minus their values under the null hypothesis.
        total: their spread.
    """
    return 2 * stats.t.sf(np.abs(away) / total.error, total.freedom)


def interval(estimate: float, values: Floats, level: float = 0.95, bounded: bool = False) -> tuple[float, float]:
    """Return the interval of a score over test images, NaN where `spread` is undefined.

    Args:
        estimate: the score on all images, or a difference of scores.
        values: (B,) the same without each block, see `jackknife`.
        level: share of intervals that should contain the score on infinitely many images.
        bounded: whether it is a score in [0, 1], whose interval is computed for its logit, and so lies within. At 0 and
            at 1 it has none.
    """
    own = _spread(estimate, values, bounded)
    low, high = t_ends(logit(estimate) if bounded else estimate, own, level)
    return (float(expit(low)), float(expit(high))) if bounded else (float(low), float(high))


def _spread(estimate: float, values: Floats, bounded: bool) -> Spread:
    """Return the spread over images; of the logit, by its derivative, if bounded."""
    own = spread(values)
    if not bounded:
        return own
    slope = 1 / (estimate * (1 - estimate)) if 0 < estimate < 1 else float("nan")
    return Spread(own.error * slope, own.freedom)
