"""What the page says of mask conditions: a table, and of each arm what may be said and no more."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dermoscopy.plots.style import metric_words
from dermoscopy.report.page.markdown import markdown_table, number, with_interval
from dermoscopy.report.results.arms import VALIDATION_MASKS, mean_and_sd
from dermoscopy.report.results.conditions import AREA, Curves
from dermoscopy.report.results.findings import verdict

MASKS = {
    "none": "no masks",
    "predicted": "predicted by segmenters that have not seen the image",
    "shuffled": "those of another test image",
    "given": "the true ones",
    VALIDATION_MASKS: "those of the arm's validation, by which its epoch was chosen",
}
COMPARED = {
    "none": "with no masks",
    "predicted": "with predicted ones",
    VALIDATION_MASKS: "with its validation masks",
    AREA: "area",
}


def conditions_section(curves: Curves, picture: str, leakage: bool, validated_with_truth: Sequence[str] = ()) -> str:
    """Figure, table and sentences of the metric by what masks the network was given.

    Args:
        picture: name of the figure, shown where masks were given in parts.
        leakage: whether a mask gives a label away.
        validated_with_truth: arms whose validation masks are the true ones, where arms differ in that.
    """
    title = f"{metric_words(curves.score)} by the masks that are given"
    figure = f"![{title}, of each arm]({picture})" if curves.in_parts else ""
    parts = [
        f"### {title}",
        figure,
        _table(curves),
        _reading(curves, leakage, validated_with_truth),
        _sentences(curves),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(curves: Curves) -> str:
    """Means by mask_condition and, where the curve is whole, the area below it and its difference."""
    shown, whole = [name for name in MASKS if name in curves.tables], AREA in curves.tables
    means = [mean_and_sd(curves.tables[name]) for name in shown]
    areas = _area_cells(curves) if whole else {arm: [] for arm in curves.names}
    rows = [[name, *(each[arm] for each in means), *areas[arm]] for arm, name in curves.names.items()]
    head = [AREA, f"difference to {curves.names[curves.reference]}", "p (Holm)"] if whole else []
    return markdown_table(["arm", *shown, *head], rows)


def _area_cells(curves: Curves) -> dict[str, list[str]]:
    """Area of each arm, and its difference to the reference, both with their intervals, and p."""
    rows, compared = {}, curves.compared(AREA)
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
    """A number, with its interval where there is one: a single repeat has none."""
    return number(value, form) if np.isnan(low) else with_interval(value, low, high, form)


def _reading(curves: Curves, leakage: bool, validated_with_truth: Sequence[str]) -> str:
    """What the columns are, what is lacking, and what must not be read into them."""
    columns = "; ".join(f"{name}, {what}" for name, what in MASKS.items() if name in curves.tables)
    text = f"Mean ± sd over {curves.repeats}. Masks: {columns}."
    if AREA in curves.tables:
        text += (
            " Area: below the curve from none of the cells of the true masks shown to all of them, of a flat curve its "
            "height; in brackets 95 % t intervals; p of paired t tests, corrected over arms."
        )
    elif curves.in_parts:
        text += f" No area, as the curve is not whole: not tested with {', '.join(curves.lacking)}."
    if validated_with_truth:
        text += f" The validation masks of {' and '.join(validated_with_truth)} are the true ones."
    if leakage:
        return f"{text} Masks give labels away here, so of skill speak only the columns without true masks."
    return f"{text} There are no true masks of a new image: what is reached with them is not to be expected there."


def _sentences(curves: Curves) -> str:
    """What each arm reaches, and what is established against the reference with no masks, predicted ones, by area."""
    places = [name for name in COMPARED if name in curves.tables]
    compared = {name: curves.compared(name).T for name in places}
    lines = []
    for arm, name in curves.names.items():
        said = [_clause(curves, place, arm, compared[place]) for place in places]
        lines.append(f"- **{name}**: {'; '.join(said)}.")
    return "\n".join(lines)


def _clause(curves: Curves, place: str, arm: str, compared: pd.DataFrame) -> str:
    mean = f"{COMPARED[place]} {number(curves.mean(place, arm))}"
    if arm == curves.reference:
        return f"{mean} (reference)"
    return f"{mean}, {verdict(compared[arm], curves.names[curves.reference], curves.repeats)}"
