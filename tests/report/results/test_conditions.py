"""The curve over what masks are given, the area below it, and what the page may say of both."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.figures.conditions import draw_availability
from dermoscopy.report.page.conditions import availability_section
from dermoscopy.report.page.facts import giveaway_warning
from dermoscopy.report.page.page import write_report
from dermoscopy.report.results.conditions import (
    AREA,
    SHARES,
    Curves,
    area_below,
    availability_curves,
    availability_table,
)
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]
AXES = {"zeroing": ["never", "always"], "seed": ["0", "1"]}


def curves(places: Sequence[str], always: Sequence[float]) -> Curves:
    """Two arms with three seeds each: never reaches about 0.5 everywhere, always what is given."""
    wobble = np.array([0.0, 0.01, 0.02])
    rows = {place: [0.5 + wobble, value + 1.3 * wobble] for place, value in zip(places, always, strict=True)}
    tables = {name: pd.DataFrame(row, ["zeroing=never", "zeroing=always"]) for name, row in rows.items()}
    lacking = tuple(name for name in SHARES if name not in tables)
    if not lacking:
        tables[AREA] = area_below(tables)
    return Curves("auroc", "zeroing=never", "seeds", tables, lacking, test_per_train=0.0)


def give_away(sweep: Path) -> None:
    for file in sweep.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["data"]["giveaways"] = {"globules": "globules", "melanoma": "lesion"}
        file.write_text(json.dumps(record))


def test_the_area_of_a_flat_curve_is_its_height_and_of_a_straight_one_its_middle() -> None:
    arms = pd.Index(["flat", "straight", "late", "missing"])
    heights = {"flat": lambda s: 0.4, "straight": lambda s: s, "late": lambda s: float(s == 1), "missing": lambda s: s}
    tables = {
        name: pd.DataFrame({"seed 0": [heights[arm](share) for arm in arms]}, arms) for name, share in SHARES.items()
    }
    tables["revealed_30"].loc["missing"] = np.nan
    areas = area_below(tables)["seed 0"]
    assert areas.tolist() == pytest.approx([0.4, 0.5, 0.05, np.nan], nan_ok=True)


def test_a_sweep_tested_with_all_shares_gets_curve_area_and_table(make_classified: Make, tmp_path: Path) -> None:
    sweep = load_sweep(make_classified(AXES))
    by_hand = np.mean([(sum(heights) - (heights[0] + heights[-1]) / 2) / 10 for heights in _heights(sweep.jobs)])
    written = write_report(sweep, tmp_path / "experiments", tmp_path / "none.yaml", metric="test/none/auroc")
    files = {file.name: file for file in written[:-1]}
    table = pd.read_csv(files["availability.csv"]).set_index(["arm", "availability"]).sort_index()
    assert table.loc[("zeroing=always", "area"), "mean"] == pytest.approx(by_hand, rel=1e-5)
    assert table.loc[("zeroing=always", "given"), "percent"] == 100
    assert len(table) == 2 * (len(SHARES) + 3)
    page = files["README.md"].read_text()
    assert "### AUROC by the masks that are given" in page
    assert "| arm | none | predicted | shuffled | given | area | difference to never | p (Holm) |" in page
    assert f"; area {by_hand:.3f}, " in page
    assert files["availability.png"].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in files["availability.svg"].read_text()


def _heights(jobs: pd.DataFrame) -> np.ndarray:
    always = jobs[jobs["arm"] == "zeroing=always"]
    return always[[f"test/{name}/auroc" for name in SHARES]].to_numpy(float)


def test_the_sentences_claim_of_the_area_no_more_than_the_page_does_of_a_metric() -> None:
    made_up = curves([*SHARES, "predicted"], [0.5, *[0.8] * 10, 0.7])
    page = availability_section(made_up, "availability.png", giveaways=False)
    (line,) = [line for line in page.splitlines() if line.startswith("- **always**")]
    none, predicted, area = line.split("; ")
    assert "with no masks 0.513, no difference from never is established" in none
    assert "with predicted ones 0.713, higher than never" in predicted
    assert "area 0.798, higher than never (difference +0.288" in area


def test_where_shares_are_lacking_they_are_named_and_there_is_no_area() -> None:
    part = curves(["none", "revealed_50", "given", "predicted"], [0.5, 0.6, 0.7, 0.6])
    section = availability_section(part, "availability.png", giveaways=False)
    assert "not tested with revealed_10, revealed_20, revealed_30, revealed_40, revealed_60" in section
    assert "| arm | none | predicted | given |\n" in section
    assert "area" not in section.replace("No area", "")
    assert AREA not in set(availability_table(part)["availability"])
    assert "(availability.png)" in section


def test_without_shares_there_is_a_table_and_no_curve() -> None:
    section = availability_section(curves(["none", "given", "predicted"], [0.5, 0.7, 0.6]), "picture", giveaways=False)
    assert "| arm | none | predicted | given |\n" in section
    assert "not tested with" not in section
    assert "picture" not in section


def test_a_sweep_tested_with_no_masks_and_all_of_them_has_no_such_section(make_classified: Make) -> None:
    sweep = load_sweep(make_classified({"seed": ["0"]}, ["none", "given"]))
    findings = find(sweep, metric="test/none/auroc")
    assert findings is not None
    assert availability_curves(sweep, findings) is None


def test_labels_that_a_mask_gives_away_are_named(make_classified: Make) -> None:
    folder, made_up = make_classified({"seed": ["0"]}, ["none", "given"]), curves(["none", "given"], [0.5, 0.9])
    assert giveaway_warning(load_sweep(folder)) == ""
    assert "There are no true masks of a new image" in availability_section(made_up, "", giveaways=False)
    give_away(folder)
    warning = giveaway_warning(load_sweep(folder))
    assert "from whether a true mask is empty: globules, melanoma (mask lesion)." in warning
    assert "no evidence of skill" in warning
    assert "of skill speak only the columns without true masks" in availability_section(made_up, "", giveaways=True)


def test_where_no_masks_were_given_there_is_nothing_to_warn_of(make_classified: Make) -> None:
    folder = make_classified({"seed": ["0"]}, ["none", "predicted"])
    give_away(folder)
    assert giveaway_warning(load_sweep(folder)) == ""


def test_the_figure_draws_the_means_and_other_masks_beside() -> None:
    heights = np.linspace(0.5, 0.9, len(SHARES))
    curve, beside = draw_availability(curves([*SHARES, "predicted", "shuffled"], [*heights, 0.7, 0.4])).axes
    assert list(curve.lines[1].get_xdata()) == pytest.approx(list(range(0, 101, 10)))
    assert list(curve.lines[1].get_ydata()) == pytest.approx(list(heights + 0.013))
    assert [tick.get_text() for tick in beside.get_xticklabels()] == ["predicted", "shuffled"]
    dots = [line.get_ydata()[0] for line in beside.lines if len(line.get_ydata()) == 1]
    assert dots == pytest.approx([0.51, 0.713, 0.51, 0.413])
