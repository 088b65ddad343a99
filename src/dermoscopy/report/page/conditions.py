"""The section of a page on mask conditions: a figure, a table, and one sentence per arm on what is established."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dermoscopy.plots.style import metric_words
from dermoscopy.report.page.section import Section
from dermoscopy.report.results.arms import VALIDATION_MASKS, mean_and_sd
from dermoscopy.report.results.conditions import AREA, Curves
from dermoscopy.report.results.numbers import number, with_interval
from dermoscopy.report.results.verdicts import verdict

MASKS = {
    "none": "no masks",
    "predicted": "predicted by segmenters; whether these had seen the images is said above",
    "shuffled": "the masks of another test image",
    "given": "the ground-truth masks",
    VALIDATION_MASKS: "the mask condition of the arm's validation, by which its epoch was chosen",
}
COMPARED = {
    "none": "with no masks",
    "predicted": "with predicted masks",
    VALIDATION_MASKS: "with its validation masks",
    AREA: "area",
}


def conditions_section(curves: Curves, leakage: bool, validated_with_truth: Sequence[str] = ()) -> Section:
    """Return the table and the sentences on a metric by mask condition.

    Args:
        curves: the metric by mask condition.
        leakage: whether a mask reveals a label.
        validated_with_truth: arms that were validated with ground-truth masks, if arms differ in that.
    """
    head, rows = _table(curves)
    text = _reading(curves, leakage, validated_with_truth)
    return Section(f"{metric_words(curves.score)} by mask condition", head, rows, text, _sentences(curves))


def _table(curves: Curves) -> tuple[list[str], list[list[str]]]:
    """Return the means by mask condition and, if the curve is complete, the area below it and its difference."""
    conditions, whole = [name for name in MASKS if name in curves.tables], AREA in curves.tables
    means = [mean_and_sd(curves.tables[name]) for name in conditions]
    areas = _area_cells(curves) if whole else {arm: [] for arm in curves.names}
    rows = [[name, *(column[arm] for column in means), *areas[arm]] for arm, name in curves.names.items()]
    head = [AREA, f"difference to {curves.names[curves.reference]}", "p (Holm)"] if whole else []
    return ["arm", *conditions, *head], rows


def _area_cells(curves: Curves) -> dict[str, list[str]]:
    """Return per arm the area, its difference to the reference, both with their intervals, and p."""
    rows, compared = {}, curves.compared[AREA]
    for arm in curves.names:
        area = _with_interval(curves.mean(AREA, arm), *curves.interval(AREA, arm))
        if arm == curves.reference:
            rows[arm] = [area, "-", "-"]
        else:
            row = compared.T[arm]
            difference = _with_interval(row["difference"], row["low"], row["high"], "+.3f")
            rows[arm] = [area, difference, number(row["p_holm"])]
    return rows


def _with_interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """Format a number with its interval, without one if the interval is undefined, as for a single repeat."""
    return number(value, form) if np.isnan(low) else with_interval(value, low, high, form)


def _reading(curves: Curves, leakage: bool, validated_with_truth: Sequence[str]) -> str:
    """Explain the columns, which conditions were not tested, and which conclusions they do not allow."""
    columns = "; ".join(f"{name}, {what}" for name, what in MASKS.items() if name in curves.tables)
    text = f"Mean ± sd over {curves.basis.repeats}. Masks: {columns}."
    if AREA in curves.tables:
        text += (
            " Area: below the curve from none of the cells of the ground-truth masks revealed to all of them; the area "
            "of a flat curve is its height. In brackets 95 % t intervals; p of paired t tests, corrected together with "
            "all sentences on this page."
        )
    elif curves.in_parts:
        text += f" No area, as the curve is not complete: not tested with {', '.join(curves.lacking)}."
    if validated_with_truth:
        text += f" The validation masks of {' and '.join(validated_with_truth)} are the ground-truth masks."
    if leakage:
        return f"{text} Masks reveal labels in these data, so only the columns without ground-truth masks show skill."
    return f"{text} New images have no ground-truth masks, so scores with them are not to be expected on new images."


def _sentences(curves: Curves) -> list[tuple[str, str]]:
    """Return one sentence per arm: its means, and which differences to the reference are established.

    The means are those with no masks, predicted masks and validation masks, and the area; a mean that repeats an
    earlier one, such as that of an arm validated without masks, is left out.
    """
    compared = {name: curves.compared[name].T for name in COMPARED if name in curves.compared}
    sentences = []
    for arm, name in curves.names.items():
        distinct = {
            tuple(curves.tables[place].T[arm]): place for place in reversed(compared)
        }  # the first place of each
        places = [place for place in compared if place in distinct.values()]
        clauses = [_clause(curves, place, arm, compared[place]) for place in places]
        sentences.append((name, f"{'; '.join(clauses)}."))
    return sentences


def _clause(curves: Curves, place: str, arm: str, compared: pd.DataFrame) -> str:
    mean = f"{COMPARED[place]} {number(curves.mean(place, arm))}"
    if arm == curves.reference:
        return f"{mean} (reference)"
    return f"{mean}, {verdict(compared[arm], curves.names[curves.reference], curves.basis, brief=True)}"
