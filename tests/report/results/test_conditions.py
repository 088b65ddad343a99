"""The curve over mask conditions, the area below it, and the section of a page on both."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shown_sections import page_text
from written import write_report

from dermoscopy.report.results.conditions import (
    SHARES,
    area_below,
)
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]
AXES = {"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}


def test_the_area_of_a_flat_curve_is_its_height_and_of_a_straight_one_its_middle() -> None:
    arms = pd.Index(["flat", "straight", "late", "missing"])
    heights = {"flat": lambda s: 0.4, "straight": lambda s: s, "late": lambda s: float(s == 1), "missing": lambda s: s}
    tables = {
        name: pd.DataFrame({"seed 0": [heights[arm](share) for arm in arms]}, arms) for name, share in SHARES.items()
    }
    tables["revealed_30"].loc["missing"] = np.nan
    areas = area_below(tables)["seed 0"]
    assert areas.tolist() == pytest.approx([0.4, 0.5, 0.05, np.nan], nan_ok=True)


def test_a_sweep_tested_in_all_mask_conditions_gets_curve_area_and_table(make_classified: Make, tmp_path: Path) -> None:
    sweep = load_sweep(make_classified(AXES))
    by_hand = np.mean([(sum(heights) - (heights[0] + heights[-1]) / 2) / 10 for heights in _heights(sweep.table)])
    written = write_report(sweep, tmp_path / "experiments", metric="test/none/auroc")
    files = {file.name: file for file in written[:-1]}
    table = pd.read_csv(files["mask_conditions.csv"]).set_index(["arm", "mask_condition"]).sort_index()
    assert table.loc[("zeroing=nothing", "area"), "mean"] == pytest.approx(by_hand, rel=1e-5)
    assert table.loc[("zeroing=nothing", "given"), "percent"] == 100
    assert len(table) == 2 * (len(SHARES) + 3)
    page = page_text(sweep, "test/none/auroc")
    assert "### AUROC by mask condition" in page
    assert "| arm | none | predicted | shuffled | given | area | difference to image only | p (Holm) |" in page
    assert f"; area {by_hand:.3f}, " in page
    assert files["mask_conditions.png"].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in files["mask_conditions.svg"].read_text()


def _heights(jobs: pd.DataFrame) -> np.ndarray:
    given = jobs[jobs["arm"] == "zeroing=nothing"]
    return given[[f"test/{name}/auroc" for name in SHARES]].to_numpy(float)


def test_a_sweep_tested_only_with_no_and_with_given_masks_has_no_such_section(make_classified: Make) -> None:
    sweep = load_sweep(make_classified({"seed": ["0"]}, ["none", "given"]))
    findings = find(sweep, metric="test/none/auroc")
    assert findings is not None
    assert findings.curves is None
