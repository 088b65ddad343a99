"""What a comparison that establishes nothing could have shown: detectable differences, repeats needed, equivalence.

All of it takes the standard deviation of the differences over repeats as known, although few repeats estimate it
roughly: the numbers are for planning.
"""

from bisect import bisect_left
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from dermoscopy.metrics.intervals import Spread, combined, over_trainings
from dermoscopy.metrics.repeats import ALPHA, Design, standard_error
from dermoscopy.metrics.statistics import Numbers

POWER = 0.8
MOST_REPEATS = 1000  # beyond which no number of repeats is named


def detectable(sd: float, n: int, design: Design, images: Spread | None = None, alpha: float = ALPHA) -> float:
    """Return the smallest true difference that would be established with a probability of `POWER`.

    With standard error se = sd sqrt(1/n + test_per_train), the t statistic has a noncentral t distribution with n - 1
    degrees of freedom and noncentrality difference / se. In a fixed split the difference must also be found over test
    images, with the standard error over images and trainings together.

    Args:
        sd: standard deviation of the differences over repeats.
        n: number of repeats, at least 2.
        design: of the sweep.
        images: spread of the mean difference over test images; counts in a fixed split only.
        alpha: level of the test, divided by the number of comparisons that are corrected together.
    """
    over_repeats = _noncentrality(n - 1, alpha) * standard_error(sd, n, design.test_per_train)
    return float(max(over_repeats, _over_images(design, images, over_trainings(sd, n), alpha)))


def smallest_detectable(sd: float, design: Design, images: Spread | None = None, alpha: float = ALPHA) -> float:
    """Return the limit of `detectable` for many repeats: repeats that share images leave an uncertainty."""
    normal = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER)
    over_repeats = normal * standard_error(sd, np.inf, design.test_per_train)
    return float(max(over_repeats, _over_images(design, images, over_trainings(0.0, 2), alpha)))


def repeats_needed(
    difference: float, sd: float, design: Design, images: Spread | None = None, alpha: float = ALPHA
) -> int | None:
    """Return the smallest number of repeats that would establish a true difference with a probability of `POWER`.

    None if no number would, or more than `MOST_REPEATS`.

    Args:
        difference: to establish.
        sd, design, images, alpha: see `detectable`.
    """
    candidates = range(2, MOST_REPEATS + 1)

    def enough(n: int) -> bool:
        return detectable(sd, n, design, images, alpha) <= difference

    place = bisect_left(candidates, True, key=enough)  # more repeats never detect less
    return candidates[place] if place < len(candidates) else None


def _over_images(design: Design, images: Spread | None, trainings: Spread, alpha: float) -> float:
    if not design.fixed or images is None:
        return 0.0
    both = combined(images, trainings)
    return _noncentrality(float(both.freedom), alpha) * float(both.error)


@lru_cache(maxsize=4096)  # the arms of a page share most of them
def _noncentrality(df: float, alpha: float) -> float:
    """Return the noncentrality at which a two-sided t test rejects with a probability of `POWER`."""
    critical = stats.t.ppf(1 - alpha / 2, df)

    def missing(noncentrality: float) -> float:
        return float(stats.nct.sf(critical, df, noncentrality)) - POWER

    return float(optimize.brentq(missing, 0.0, 10 * critical + 10))


def equivalence_p(
    difference: Numbers, sd: Numbers, n: Numbers, margin: float, design: Design, images: Spread | None = None
) -> Numbers:
    """Return p of the hypothesis that the true difference is at least `margin` in size: two one-sided t tests.

    In a fixed split the larger one of this p and that over test images counts. NaN with fewer than two repeats, where
    the differences do not vary, and in a fixed split without a spread over test images.
    Source: Schuirmann 1987, doi 10.1007/BF01068419.

    Args:
        difference: mean over the repeats; of one comparison or of several, as sd, n and images.
        sd, n, design, images: see `detectable`.
        margin: size of the smallest difference that matters.
    """
    error = standard_error(sd, np.where(np.asarray(n) < 2, np.nan, n), design.test_per_train)
    away = margin - np.abs(difference)
    p = stats.t.sf(away / np.where(error > 0, error, np.nan), np.subtract(n, 1))
    if not design.fixed:
        return p
    both = combined(images or Spread(np.nan, np.nan), over_trainings(sd, n))
    return np.maximum(p, stats.t.sf(away / both.error, both.freedom))  # undefined where one of them is
