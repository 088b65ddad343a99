"""The numbers below the answer, the table of arms and the heat map are those of the findings."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dermoscopy.report.page.key_numbers import arm_rows, heat_cells, key_numbers
from dermoscopy.report.results.answer import answer
from dermoscopy.report.results.findings import Findings, find
from dermoscopy.report.results.interactions import Interaction
from dermoscopy.runs.tables import SweepResults, load_sweep


def read(folder: Path) -> tuple[SweepResults, Findings]:
    sweep = load_sweep(folder)
    findings = find(sweep)
    assert findings is not None
    return sweep, findings


def test_key_numbers_name_the_best_arm_and_what_is_not_done(make_runs: Callable[..., Path]) -> None:
    sweep, findings = read(make_runs())
    facts = {fact["name"]: fact for fact in key_numbers(sweep, findings, answer(sweep, findings))}
    best = facts[f"best mean {findings.words()}"]
    assert best["value"] == f"{findings.table.mean(axis=1).max():.3f}"
    assert best["more"] == findings.names[answer(sweep, findings).best or ""]
    assert (facts["jobs done"]["value"], facts["jobs done"]["more"]) == ("7 of 9", "2 are not in the numbers")
    assert (facts["seeds"]["value"], facts["test images"]["value"]) == ("3", "60")


def test_without_findings_only_the_jobs_are_counted(make_sweep: Callable[..., Path]) -> None:
    sweep = load_sweep(make_sweep({"zeroing": ["a"], "seed": ["0", "1"]}, ["running", "missing"]))
    facts = {fact["name"]: fact["value"] for fact in key_numbers(sweep, None, answer(sweep, None))}
    assert facts["jobs done"] == "0 of 2" and not any("mean" in name for name in facts)


def test_the_table_has_a_row_per_arm_whose_undefined_cells_have_no_value(make_runs: Callable[..., Path]) -> None:
    sweep, findings = read(make_runs())
    rows = arm_rows(findings, answer(sweep, findings))
    assert [row["name"] for row in rows] == list(findings.names.values())
    assert [row["best"] for row in rows].count(True) == 1
    reference, other, single = rows
    assert reference["standing"] == "reference" and reference["cells"][4] == {"text": "-", "value": None}
    assert other["cells"][1]["value"] == pytest.approx(findings.table.mean(axis=1).iloc[1], abs=1e-12)
    assert single["cells"][0]["text"] == "1" and single["cells"][2]["value"] is None


@pytest.mark.parametrize(("metric", "best"), [("f1", "0.900"), ("brier", "0.100")])
def test_the_heat_map_marks_the_best_cell(metric: str, best: str, make_runs: Callable[..., Path]) -> None:
    folder = make_runs()
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        file.write_text(
            json.dumps(record | {"metrics": {"test/none/average_precision": 0.5, f"test/none/{metric}": 0.5}})
        )
    findings = find(load_sweep(folder), metric=f"test/none/{metric}")
    assert findings is not None
    means = pd.DataFrame([[0.1, 0.9], [0.5, None]], index=["x", "y"], columns=["1", "2"], dtype=float)
    heat = heat_cells(Interaction("a", "b", means, means.notna().astype(int)), findings)
    cells = [cell for row in heat["cells"] for cell in row["cells"]]
    assert [cell["text"] for cell in cells if cell["best"]] == [best]
    assert [cell["text"] for cell in cells] == ["0.100", "0.900", "0.500", "-"]
    shares = {cell["text"]: cell["share"] for cell in cells}
    assert shares[best] == max(shares.values()) and shares["-"] == 0 and shares["0.500"] in (27, 28)
