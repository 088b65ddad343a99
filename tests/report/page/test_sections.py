"""Sections of a page: tables with their explanations, empty if there is nothing to report."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from dermoscopy.report.page.section import Code
from dermoscopy.report.page.sections import configurations_section, costs_section, sureness_section
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep

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


def test_costs_list_trainable_parameters_only_if_some_are_frozen() -> None:
    section = costs_section(COSTS)
    assert "trainable in the last stage, million" in section.head
    assert list(section.rows[1]) == ["large", "1.20", "1.00", "4.5", "0.25", "a CPU"]
    assert not any("trainable" in name for name in costs_section(COSTS.assign(trainable=COSTS["parameters"])).head)


def test_arms_are_listed_with_the_configuration_keys_in_which_they_differ() -> None:
    table = pd.DataFrame(
        [[True, ""], ["", ""]], index=["loss=a", "loss=b"], columns=["loss.smooth", "lr"], dtype=object
    )
    section = configurations_section(table)
    assert section is not None
    assert section.items == [("a", "loss.smooth: True"), ("b", "has none of the keys of the others")]
    assert [isinstance(text, Code) for _, text in section.items] == [True, False]
    assert configurations_section(pd.DataFrame(index=["loss=a"])) is None


def test_each_sentence_on_how_sure_a_page_is_names_the_design(make_runs: Callable[..., Path]) -> None:
    findings = find(load_sweep(make_runs()), meaningful=0.02)
    assert findings is not None
    section = sureness_section(findings)
    assert section is not None
    assert [row[0] for row in section.rows] == ["cells_80", "whole_50"]
    assert section.rows[1][2:] == ["-", "-"]  # one pair says nothing
    said = dict(section.items)
    assert said["Design: fixed split"].endswith("not to other training images.")
    assert "two intervals must exclude 0" in said["Established"]
    assert all(
        "fixed split" in text for name, text in said.items() if name not in ("Design: fixed split", "Established")
    )
    unknown = find(load_sweep(make_runs(stamp="2026-03-02_10-00-00")), meaningful=None)
    assert unknown is not None
    assert len(sureness_section(unknown).head) == 3  # type: ignore[union-attr]
