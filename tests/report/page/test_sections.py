"""Sections of a page: tables with their explanations, empty if there is nothing to report."""

import pandas as pd

from dermoscopy.report.page.section import Code
from dermoscopy.report.page.sections import configurations_section, costs_section

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
