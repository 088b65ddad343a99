"""How sure: paired comparison of arms over repeats, a bootstrap over test images, and predictors that know nothing.

Two kinds of chance are kept apart. The interval over repeats says how much another training would change a
difference; the bootstrap over groups of test images says how much other patients would.
Undefined is NaN and leaves the mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

REPLICATES = 2000
Floats = NDArray[np.float64]


class Tested(Protocol):
    """What a job says of its test images, in a form that can be resampled.

    Attributes:
        id, group: (N,) the images, and what is resampled together.
    """

    @property
    def id(self) -> NDArray[np.object_]: ...

    @property
    def group(self) -> NDArray[np.object_]: ...

    def score(self, name: str, weight: Floats) -> Floats:
        """A score of R weightings of the images: (R, N) -> (R,)."""
        ...


@dataclass(frozen=True)
class Predictions:
    """Predictions of one job on its test images with one mask availability, images in order of their id.

    Attributes:
        id: (N,) image names.
        group: (N,) patient or lesion of each image; what is resampled together.
        truth: (N, L) 0, 1, NaN unknown.
        logit: (N, L).
    """

    id: NDArray[np.object_]
    group: NDArray[np.object_]
    truth: Floats
    logit: Floats

    @classmethod
    def from_table(cls, table: pd.DataFrame, availability: str) -> "Predictions":
        """Take the rows of one availability out of a predictions.csv.

        Raises:
            ValueError: the table has no row of that availability.
        """
        rows = table[table["availability"] == availability]
        if rows.empty:
            there_are = ", ".join(sorted(table["availability"].unique()))
            raise ValueError(f"predictions.csv has no availability {availability!r}; there are: {there_are}")
        both = rows.pivot(index="id", columns="label", values=["truth", "logit"]).sort_index()  # noqa: PD010
        truth, logit = both["truth"], both["logit"]
        group = rows.drop_duplicates("id").set_index("id")["group"].reindex(truth.index)
        group = group.fillna(truth.index.to_series())  # an image of no known group is a group of its own
        return cls(truth.index.to_numpy(object), group.to_numpy(object), truth.to_numpy(float), logit.to_numpy(float))

    def score(self, name: str, weight: Floats) -> Floats:
        """One of `SCORES` of R weightings of the images: (R, N) -> (R,)."""
        return SCORES[name](self, weight)


def mean_defined(values: Floats, axis: int = -1) -> Floats:
    """Mean over the values that are defined; NaN where none is."""
    defined = np.isfinite(values)
    total, count = np.where(defined, values, 0).sum(axis), defined.sum(axis)
    return ratio(total, count)


def ratio(above: Floats, below: Floats) -> Floats:
    """Quotient, NaN where the denominator is zero."""
    out = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=out, where=np.asarray(below) != 0)
    return out


def macro_f1(predictions: Predictions, weight: Floats) -> Floats:
    """F1 at logit 0, mean over labels, of R weightings of the images: (R, N) -> (R,)."""
    known, positive = ~np.isnan(predictions.truth), predictions.truth == 1
    predicted = predictions.logit > 0
    tp = weight @ (predicted & positive)  # (R, L)
    wrong = weight @ ((predicted != positive) & known)  # fp + fn
    return mean_defined(ratio(2 * tp, 2 * tp + wrong))


def macro_average_precision(predictions: Predictions, weight: Floats) -> Floats:
    """Average precision, mean over labels, of R weightings of the images: (R, N) -> (R,)."""
    labels = range(predictions.truth.shape[1])
    each = [_average_precision(predictions.truth[:, k], predictions.logit[:, k], weight) for k in labels]
    return mean_defined(np.stack(each, axis=-1))


def _average_precision(truth: Floats, logit: Floats, weight: Floats) -> Floats:
    """AP = sum_k (recall_k - recall_{k-1}) precision_k over the distinct thresholds k, from the highest down."""
    known = np.flatnonzero(~np.isnan(truth))
    order = known[np.argsort(-logit[known], kind="stable")]
    last = np.flatnonzero(np.diff(logit[order], append=np.nan) != 0)  # tied images pass a threshold together
    flagged = np.cumsum(weight[:, order], axis=1)[:, last]  # (R, thresholds)
    tp = np.cumsum(weight[:, order] * truth[order], axis=1)[:, last]
    precision = np.nan_to_num(ratio(tp, flagged))  # no image yet: recall has not moved either, the term is 0
    gained = np.diff(tp, axis=1, prepend=0.0)
    positives = tp[:, -1] if len(known) else np.zeros(len(weight))
    return ratio((gained * precision).sum(axis=1), positives)


SCORES: dict[str, Callable[[Predictions, Floats], Floats]] = {
    "f1": macro_f1,
    "average_precision": macro_average_precision,
}


def same_images(one: Tested, other: Tested) -> bool:
    """Whether two jobs were tested on the same images."""
    return np.array_equal(one.id, other.id)


def bootstrap(tables: Sequence[Tested], score: str, replicates: int = REPLICATES, seed: int = 0) -> Floats:
    """Scores of T predictors on R resamples of the groups of all their test images: (R, T).

    All predictors see the same resample, so a difference of columns is paired. One that was tested on some of the
    images only (another seed of the split, a fold) is scored on those of them that are drawn.
    """
    names = np.unique(np.concatenate([table.group.astype(str) for table in tables]))
    rng = np.random.default_rng(seed)
    drawn = draw_groups(rng, len(names), replicates)
    member = [np.searchsorted(names, table.group.astype(str)) for table in tables]  # each (N,): number of the group
    # (R, N): how often each image is in each resample
    return np.stack([t.score(score, drawn[:, m].astype(float)) for t, m in zip(tables, member, strict=True)], axis=1)


def draw_groups(rng: np.random.Generator, groups: int, replicates: int) -> NDArray[np.int64]:
    """Draw as many groups as there are, with replacement; return how often each was drawn, (R, groups)."""
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=replicates)


def percentiles(samples: Floats, level: float = 0.95) -> tuple[float, float]:
    """Central interval of bootstrap samples, NaN where none is defined."""
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return float("nan"), float("nan")
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def standard_error(values: Floats, test_per_train: float = 0.0) -> float:
    """Standard error of a mean over repeats, corrected for training sets that overlap; NaN below two values.

    Var(mean) = s^2 (1/n + n_test/n_train): repeats that draw train and test anew from the same images (other seeds of a
    split, or folds) share training images, so they are not independent, and 1/n alone would shrink without end as
    repeats are added.
    Source: Nadeau and Bengio 2003, Inference for the Generalization Error, doi 10.1023/A:1024068626366; for repeated
    folds Bouckaert and Frank 2004, doi 10.1007/978-3-540-24775-3_3.

    Args:
        values: (n,) one a repeat.
        test_per_train: number of test images per training image; 0 for repeats that share no choice of images.
    """
    if len(values) < 2:
        return float("nan")
    return float(values.std(ddof=1) * np.sqrt(1 / len(values) + test_per_train))


def t_interval(values: Floats, level: float = 0.95, test_per_train: float = 0.0) -> tuple[float, float]:
    """Student interval of a mean, see `standard_error`; NaN with fewer than two values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * standard_error(values, test_per_train)
    return float(values.mean() - half), float(values.mean() + half)


def holm(p: Floats) -> Floats:
    """P values corrected for their number by Holm's step-down; undefined ones stay so and do not count."""
    out = np.full(len(p), np.nan)
    order = [k for k in np.argsort(p) if not np.isnan(p[k])]
    raised = [min(1.0, p[k] * (len(order) - rank)) for rank, k in enumerate(order)]
    out[order] = np.maximum.accumulate(raised) if raised else []
    return out


def compare_arms(table: pd.DataFrame, reference: str, test_per_train: float = 0.0) -> pd.DataFrame:
    """Paired differences of each arm of a pivot to the reference over the repeats that both have.

    Args:
        table: arms x repeats.
        reference: one of the arms.
        test_per_train: of repeats that were tested on different images, see `standard_error`.

    Returns:
        One row an arm: difference, low, high (95 % t interval), p (paired t test), p_holm (over arms), n (pairs).
    """
    others = [arm for arm in table.index if arm != reference]
    rows = {arm: _paired(table.loc[arm] - table.loc[reference], test_per_train) for arm in others}
    out = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "low", "high", "p", "n"])
    return out.assign(p_holm=holm(out["p"].to_numpy(float)))


def _paired(differences: pd.Series, test_per_train: float) -> tuple[float, float, float, float, int]:
    values = differences.dropna().to_numpy(float)
    mean = float(values.mean()) if len(values) else float("nan")
    varied = len(values) > 1 and np.ptp(values) > 1e-12  # equal differences leave the t statistic undefined
    t = mean / standard_error(values, test_per_train) if varied else float("nan")
    p = float(2 * stats.t.sf(abs(t), max(1, len(values) - 1)))
    return mean, *t_interval(values, test_per_train=test_per_train), p, len(values)


def trivial_predictors(truth: Floats) -> pd.DataFrame:
    """Accuracy, F1 and average precision, means over labels, of three predictors that never look at an image.

    With prevalence q of a label: always positive has accuracy q and F1 = 2q / (1 + q); never positive 1 - q and 0;
    the prevalence as the probability is the former where q > 1/2 and the latter elsewhere. A constant score has
    average precision q.

    Args:
        truth: (N, L) 0, 1, NaN unknown.
    """
    q = mean_defined(truth, axis=0)  # (L,)
    f1_always, f1_never = 2 * q / (1 + q), np.where(q > 0, 0.0, np.nan)  # no positive, none predicted: 0 / 0
    common = q > 0.5
    return pd.DataFrame(
        {
            "accuracy": [mean_defined(each) for each in (q, 1 - q, np.where(common, q, 1 - q))],
            "f1": [mean_defined(each) for each in (f1_always, f1_never, np.where(common, f1_always, f1_never))],
            "average_precision": [mean_defined(np.where(q > 0, q, np.nan))] * 3,
        },
        index=["always positive", "never positive", "prevalence"],
        dtype=float,
    )
