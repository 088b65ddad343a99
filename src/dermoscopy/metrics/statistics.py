"""Statistical uncertainty: paired comparison of arms over repeats, and a bootstrap over test images.

Two sources of variation are separate. The interval over repeats estimates how much another training would change a
difference; the bootstrap over groups of test images estimates how much other patients would.
Undefined values are NaN and excluded from the mean.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

REPLICATES = 2000
Floats = NDArray[np.float64]


class Tested(Protocol):
    """Results of a job on its test images, in a form that can be resampled.

    Attributes:
        id, group: (N,) ids of the images, and the groups that are resampled as a whole.
    """

    @property
    def id(self) -> NDArray[np.object_]: ...

    @property
    def group(self) -> NDArray[np.object_]: ...

    def score(self, name: str, weight: Floats) -> Floats:
        """Return a score under R weightings of the images: (R, N) -> (R,)."""
        ...


def mean_defined(values: Floats, axis: int = -1) -> Floats:
    """Return the mean over the defined values; NaN where none is."""
    defined = np.isfinite(values)
    total, count = np.where(defined, values, 0).sum(axis), defined.sum(axis)
    return ratio(total, count)


def ratio(above: Floats, below: Floats) -> Floats:
    """Return the quotient in the precision of its arguments, NaN where the denominator is zero."""
    out = np.full(np.broadcast(above, below).shape, np.nan, np.result_type(above, below, np.float32))
    np.divide(above, below, out=out, where=np.asarray(below) != 0)
    return out


def resampling_groups(rows: pd.DataFrame, ids: pd.Index) -> NDArray[np.object_]:
    """Return the group of each image, (N,); an image without a known group is a group by itself.

    Args:
        rows: rows of a predictions.csv with the columns id and group, several per image.
        ids: ids of the N images.
    """
    groups = rows.drop_duplicates("id").set_index("id")["group"].reindex(ids)
    return groups.fillna(ids.to_series()).to_numpy(object)


def same_images(first: Tested, second: Tested) -> bool:
    """Return whether two jobs were tested on the same images."""
    return np.array_equal(first.id, second.id)


def bootstrap(tables: Sequence[Tested], score: str, replicates: int = REPLICATES, seed: int = 0) -> Floats:
    """Return the scores (R, T) of T predictors on R resamples of the groups of all test images, see `resample`."""
    weights = resample([table.group for table in tables], replicates, seed)
    return np.stack([table.score(score, weight) for table, weight in zip(tables, weights, strict=True)], axis=1)


def resample(groups: Sequence[NDArray[np.object_]], replicates: int = REPLICATES, seed: int = 0) -> Iterator[Floats]:
    """Yield, per predictor, how often each of its images is in each of R resamples of all groups, (R, N).

    All predictors share the same resamples, so differences of their scores are paired. A predictor tested on only some
    of the images (another seed of the split, a fold) is scored on those of them that are drawn.

    Args:
        groups: per predictor, (N,) the group of each of its images.
    """
    names = np.unique(np.concatenate([group.astype(str) for group in groups]))
    drawn = draw_groups(np.random.default_rng(seed), len(names), replicates)
    rows = np.ascontiguousarray(drawn.T, dtype=float)  # gathering whole rows is fast
    for group in groups:
        yield rows[np.searchsorted(names, group.astype(str))].T


def draw_groups(rng: np.random.Generator, groups: int, replicates: int) -> NDArray[np.int64]:
    """Draw as many groups as there are, with replacement; return how often each was drawn, (R, groups)."""
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=replicates)


def percentiles(samples: Floats, level: float = 0.95) -> tuple[float, float]:
    """Return the central interval of bootstrap samples, NaN if none is defined."""
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return float("nan"), float("nan")
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def standard_error(values: Floats, test_per_train: float = 0.0) -> float:
    """Return the standard error of a mean over repeats, corrected for overlapping training sets; NaN below two values.

    Var(mean) = s^2 (1/n + n_test/n_train): repeats that redraw train and test from the same images (other seeds of a
    split, or folds) share training images, so they are not independent, and 1/n alone would shrink without limit as
    repeats are added.
    Source: Nadeau and Bengio 2003, Inference for the Generalization Error, doi 10.1023/A:1024068626366; for repeated
    folds Bouckaert and Frank 2004, doi 10.1007/978-3-540-24775-3_3.

    Args:
        values: (n,) one per repeat.
        test_per_train: number of test images per training image; 0 for repeats that share no choice of images.
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


def holm(p: Floats) -> Floats:
    """Return p values corrected for multiple testing by Holm's step-down; undefined ones stay so and do not count."""
    out = np.full(len(p), np.nan)
    order = [k for k in np.argsort(p) if not np.isnan(p[k])]
    raised = [min(1.0, p[k] * (len(order) - rank)) for rank, k in enumerate(order)]
    out[order] = np.maximum.accumulate(raised) if raised else []
    return out


def compare_arms(table: pd.DataFrame, reference: str, test_per_train: float = 0.0) -> pd.DataFrame:
    """Compare each arm with the reference by paired differences over the repeats that both have.

    Args:
        table: arms x repeats.
        reference: one of the arms.
        test_per_train: ratio for repeats that were tested on different images, see `standard_error`.

    Returns:
        One row per arm: difference, low, high (95 % t interval), p (paired t test), p_holm (over arms), n (pairs).
    """
    others = [arm for arm in table.index if arm != reference]
    rows = {arm: _paired(table.loc[arm] - table.loc[reference], test_per_train) for arm in others}
    out = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "low", "high", "p", "n"])
    return out.assign(p_holm=holm(out["p"].to_numpy(float)))


def _paired(differences: pd.Series, test_per_train: float) -> tuple[float, float, float, float, int]:
    values = differences.dropna().to_numpy(float)
    mean = float(values.mean()) if len(values) else float("nan")
    varied = len(values) > 1 and np.ptp(values) > 1e-12  # the t statistic of equal differences is undefined
    t = mean / standard_error(values, test_per_train) if varied else float("nan")
    p = float(2 * stats.t.sf(abs(t), max(1, len(values) - 1)))
    return mean, *t_interval(values, test_per_train=test_per_train), p, len(values)
