"""Sections on folds: every image once, missing folds by name, arms compared on the same images."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from written import write_report

from dermoscopy.evaluation.summary import summarise
from dermoscopy.report.page.extra_files import extra_files
from dermoscopy.report.page.folds import label_folds_section
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.label_folds import label_folds, pooled, score_table, trivial_scores
from dermoscopy.report.results.mask_folds import out_of_fold
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
MASKS = ["lesion", "streaks"]
FOLDS = {"split.fold": ["0", "1", "2"]}
Make = Callable[..., Path]
PLACES = ["none", "given"]
AXES = {"zeroing": ["everything", "nothing"], "split.fold": ["0", "1", "2"]}


def test_all_folds_together_score_every_image_once(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(FOLDS, ["done"] * 3, tta=["none"])
    (part,) = out_of_fold(load_sweep(sweep))
    store = summarise(part.images[part.images["size"] == "store"]).query("mask == 'mean'")
    dice = float(store.set_index("metric").loc["dice", "mean"])
    loaded = load_sweep(sweep)
    _, sections = extra_files(loaded, find(loaded))
    written = write_report(loaded, tmp_path)
    table = pd.read_csv(written[2])
    table = table[(table["size"] == "store") & table["hit of encoders"].notna()]
    assert len(table) == 120 * len(MASKS) == table[["id", "mask"]].drop_duplicates().shape[0]
    assert (2 * table["hit of encoders"] / (table["truth"] + table["predicted of encoders"])).mean() == pytest.approx(
        dice
    )
    assert set(table["fold"]) == {0, 1, 2}
    (section,) = sections["folds"]
    assert [*section.rows[0][:5], section.rows[0][5][:5]] == ["encoders", "0", "store", "120", "3", f"{dice:.3f}"]
    assert "No fold is missing." in section.text


def test_a_missing_fold_is_named_and_its_arm_not_compared(make_classified: Make) -> None:
    sweep = load_sweep(make_classified(AXES, PLACES, ["done"] * 4 + ["failed", "done"]))
    parts = label_folds(sweep)
    tables = pooled(sweep, parts)
    scores = score_table(tables, "zeroing=everything")
    assert scores["difference"].isna().all()
    sections = label_folds_section(
        parts, scores, trivial_scores(tables), ["zeroing=everything", "zeroing=nothing"], "zeroing=everything"
    )
    assert "Missing, with all their images: masks always given, seed 0: fold 1." in sections[0].text
    assert ["masks always given", "0", "none", "80 in 2"] in [list(row[:4]) for row in sections[0].rows]
    assert not any("Difference to" in section.title for section in sections)


def test_an_arm_without_any_fold_is_missing_as_a_whole(make_classified: Make) -> None:
    sweep = load_sweep(make_classified(AXES, PLACES, ["done"] * 3 + ["failed"] * 3))
    _, sections = extra_files(sweep, find(sweep))
    assert "Missing, with all their images: masks always given, seed 0: all folds." in sections["folds"][0].text
