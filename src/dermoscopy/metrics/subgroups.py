"""A score by subgroups of the test images, such as sex, age band or site, and how the subgroups differ.

A subgroup is compared with all other images of which the column is known. Intervals are those over test images, by the
jackknife over their groups, for these trained networks. They are not corrected for the number of subgroups: with twenty
of them one interval of a difference is expected to exclude 0 by chance.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.intervals import block_weights, interval
from dermoscopy.metrics.statistics import Floats, Tested, mean_defined

SMALLEST = 20  # images from which on a subgroup has an interval
MOST = 12  # subgroups of a column; the rarer ones are one
OTHERS = "others"
AGE = (30, 45, 60, 75)  # years at which a band begins; see `bands`
QUARTERS = (0.25, 0.5, 0.75)
COLUMNS = ["column", "subgroup", "images", "value", "low", "high", "difference", "difference_low", "difference_high"]


def bands(name: str, values: NDArray[np.float32] | NDArray[np.str_]) -> NDArray[np.object_]:
    """Return the subgroup of each image, "" where unknown.

    Texts are their own subgroups, as are numbers with at most five values; ages are in bands of 15 years, under 30 and
    from 75 on at the ends; other numbers are in quarters of the images.

    Args:
        name: of the column; `age` and names that begin with it are in years.
        values: (N,) text, "" unknown, or numbers, NaN unknown.
    """
    if values.dtype.kind != "f":
        return _with_others(np.asarray(values, dtype=object))
    values = np.asarray(values, np.float32)
    known = np.isfinite(values)
    distinct = np.unique(values[known])
    if len(distinct) <= 5:
        return np.array([f"{value:g}" if ok else "" for value, ok in zip(values, known, strict=True)], dtype=object)
    ages = name.lower().startswith("age")
    edges = [*AGE] if ages else [*np.unique(np.quantile(values[known], QUARTERS))]
    words = [f"under {edges[0]:g}"]
    for low, high in pairwise(edges):
        words.append(f"{low:g} to {high - 1:g}" if ages else f"{low:g} to under {high:g}")
    words.append(f"{edges[-1]:g} and over")
    place = np.searchsorted(np.array(edges), values, side="right")
    return np.array([words[k] if ok else "" for k, ok in zip(place, known, strict=True)], dtype=object)


def _with_others(texts: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return texts in which those that are not among the most frequent are one subgroup."""
    counts = pd.Series(texts[texts != ""]).value_counts()
    if len(counts) <= MOST:
        return texts
    kept = {*counts.index[: MOST - 1], ""}
    return np.array([text if text in kept else OTHERS for text in texts], dtype=object)


def subgroup_scores(
    tables: Sequence[Tested], columns: Mapping[str, Mapping[str, str]], score: str, smallest: int = SMALLEST
) -> pd.DataFrame:
    """Return a score of each subgroup, the mean over the repeats of an arm, and its difference to the other images.

    Args:
        tables: predictions of the repeats of one arm on their test images.
        columns: of each column the subgroup of each image by id, "" where unknown.
        score: name of the score.
        smallest: number of images below which a subgroup has neither an interval nor a difference.

    Returns:
        Columns `COLUMNS`; images are counted once, however many repeats tested them. The value of a subgroup in which
        the score is undefined is NaN, as are intervals that cannot be estimated.
    """
    weights = [*block_weights([table.group for table in tables])]
    rows = []
    for column, of_image in columns.items():
        own = [np.array([of_image.get(str(id), "") for id in table.id], dtype=object) for table in tables]
        for subgroup in _order(own):
            inside = [names == subgroup for names in own]
            outside = [(names != subgroup) & (names != "") for names in own]
            ids = {str(id) for table, chosen in zip(tables, inside, strict=True) for id in table.id[chosen]}
            row = {"column": column, "subgroup": subgroup, "images": len(ids)}
            value, left_out = _score(tables, score, inside, weights)
            rest, rest_left_out = _score(tables, score, outside, weights)
            row |= {"value": value}
            if len(ids) >= smallest:
                row["low"], row["high"] = interval(value, left_out, bounded=0 <= value <= 1)
                row["difference"] = value - rest
                row["difference_low"], row["difference_high"] = interval(value - rest, left_out - rest_left_out)
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _order(own: Sequence[NDArray[np.object_]]) -> list[str]:
    """Return the subgroups: bands of numbers in their order, others by their number of images."""
    counts = pd.Series(np.concatenate(own)).value_counts()
    names = [str(name) for name in counts.index if name != ""]
    numbered = sorted((_first_number(name), name) for name in names)
    return [name for _, name in numbered] if all(np.isfinite(first) for first, _ in numbered) else names


def _first_number(name: str) -> float:
    text = name.removeprefix("under ").split()[0]
    try:
        return float(text) - (0.5 if name.startswith("under ") else 0)
    except ValueError:
        return float("nan")


def _score(
    tables: Sequence[Tested], score: str, chosen: Sequence[NDArray[np.bool_]], weights: Sequence[Floats]
) -> tuple[float, Floats]:
    """Return the mean score of the chosen images over repeats, and without each block."""
    values, left_out = [], []
    for table, own, weight in zip(tables, chosen, weights, strict=True):
        values.append(table.score(score, own[None].astype(float))[0])
        left_out.append(table.score(score, weight * own))
    return float(mean_defined(np.array(values))), mean_defined(np.stack(left_out), axis=0)
