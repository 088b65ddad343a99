"""Sections of a page: tables with their words, and nothing where there is nothing to say."""

import pandas as pd

from dermoscopy.report.page.sections import answer, configurations_section, costs_section

COSTS = pd.DataFrame(
    {
        "parameters": [1e6, 1.2e6],
        "trainable": [1e6, 1e6],
        "epoch": [3.0, 4.5],
        "hours": [0.1, 0.25],
        "hardware": "a CPU",
    },
    index=["network=small", "network=large"],
)


def test_costs_name_what_is_trainable_only_where_something_is_frozen() -> None:
    section = costs_section(COSTS)
    assert "trainable in the last stage" in section
    assert "| large | 1.20 | 1.00 | 4.5 | 0.25 | a CPU |" in section
    assert "trainable" not in costs_section(COSTS.assign(trainable=COSTS["parameters"]))
    assert costs_section(COSTS.iloc[:0]) == ""


def test_arms_are_told_apart_by_the_keys_that_they_have() -> None:
    table = pd.DataFrame(
        [[True, ""], ["", ""]], index=["loss=a", "loss=b"], columns=["loss.smooth", "lr"], dtype=object
    )
    section = configurations_section(table)
    assert "- a: `loss.smooth: True`" in section
    assert "- b: has none of the keys of the others" in section
    assert configurations_section(pd.DataFrame(index=["loss=a"])) == ""


def test_without_findings_there_is_no_answer_yet() -> None:
    assert answer(None) == "no result yet"
