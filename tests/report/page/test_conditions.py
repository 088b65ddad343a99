"""The section on mask conditions claims no more than the intervals allow."""

from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.page.conditions import conditions_section
from dermoscopy.report.results.conditions import (
    AREA,
    SHARES,
    conditions_table,
)

Make = Callable[..., Path]


def test_sentences_about_the_area_follow_the_same_rules_as_those_about_a_metric(make_curves: Make) -> None:
    made_up = make_curves([*SHARES, "predicted"], [0.5, *[0.8] * 10, 0.7])
    section = conditions_section(made_up, leakage=False)
    (line,) = [text for name, text in section.items if name == "masks always given"]
    none, predicted, area = line.split("; ")
    assert "with no masks 0.513, equivalent to image only within 0.02 (difference +0.003" in none
    assert "with predicted masks 0.713, higher than image only" in predicted
    assert "area 0.798, higher than image only (difference +0.288" in area


def test_untested_conditions_of_the_curve_are_named_and_there_is_no_area(make_curves: Make) -> None:
    part = make_curves(["none", "revealed_50", "given", "predicted"], [0.5, 0.6, 0.7, 0.6])
    section = conditions_section(part, leakage=False)
    assert "not tested with revealed_10, revealed_20, revealed_30, revealed_40, revealed_60" in section.text
    assert section.head == ["arm", "none", "predicted", "given"]
    assert "area" not in section.text.replace("No area", "")
    assert AREA not in set(conditions_table(part)["mask_condition"])


def test_without_revealed_masks_there_is_a_table_and_no_curve(make_curves: Make) -> None:
    made_up = make_curves(["none", "given", "predicted"], [0.5, 0.7, 0.6])
    section = conditions_section(made_up, leakage=False)
    assert section.head == ["arm", "none", "predicted", "given"]
    assert "not tested with" not in section.text
