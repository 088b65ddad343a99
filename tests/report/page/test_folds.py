"""Sections on folds: every image once, missing folds by name, arms compared on the same images."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from written import write_report

from dermoscopy.evaluation.summary import summarise
from dermoscopy.report.page.folds import label_folds_section
from dermoscopy.report.results.label_folds import label_folds, pooled, score_table, trivial_scores
from dermoscopy.report.results.mask_folds import out_of_fold
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
MASKS = ["lesion", "streaks"]
FOLDS = {"split.fold": ["0", "1", "2"]}
Make = Callable[..., Path]
PLACES = ["none", "given"]
AXES = {"zeroing": ["everything", "nothing"], "split.fold": ["0", "1", "2"]}


def report(sweep: Path, tmp_path: Path, metric: str | None = None) -> tuple[str, list[str]]:
    files = write_report(load_sweep(sweep), tmp_path / "experiments", metric=metric)
    return (tmp_path / "experiments" / "encoders" / "README.md").read_text(), [file.name for file in files]


def test_all_folds_together_score_every_image_once(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(FOLDS, ["done"] * 3, tta=["none"])
    (part,) = out_of_fold(load_sweep(sweep))
    store = summarise(part.images[part.images["size"] == "store"]).query("mask == 'mean'")
    dice = float(store.set_index("metric").loc["dice", "mean"])
    page, files = report(sweep, tmp_path)
    table = pd.read_csv(tmp_path / "experiments" / "encoders" / files[files.index("images.csv")])
    table = table[(table["size"] == "store") & table["hit of encoders"].notna()]
    assert len(table) == 120 * len(MASKS) == table[["id", "mask"]].drop_duplicates().shape[0]
    assert (2 * table["hit of encoders"] / (table["truth"] + table["predicted of encoders"])).mean() == pytest.approx(
        dice
    )
    assert set(table["fold"]) == {0, 1, 2}
    assert f"| encoders | 0 | store | 120 | 3 | {dice:.3f} (" in page
    assert "No fold is missing." in page
    assert "mean ± sd (lowest to highest) over folds" in page


def test_a_missing_fold_is_named_and_its_arm_not_compared(make_classified: Make) -> None:
    sweep = load_sweep(make_classified(AXES, PLACES, ["done"] * 4 + ["failed", "done"]))
    parts = label_folds(sweep)
    tables = pooled(sweep, parts)
    scores = score_table(tables, "zeroing=everything")
    assert scores["difference"].isna().all()
    section = label_folds_section(
        parts, scores, trivial_scores(tables), ["zeroing=everything", "zeroing=nothing"], "zeroing=everything"
    )
    assert "Missing, with all their images: masks always given, seed 0: fold 1." in section
    assert "| masks always given | 0 | none | 80 in 2 |" in section
    assert "Difference to" not in section


def test_an_arm_without_any_fold_is_missing_as_a_whole(make_classified: Make, tmp_path: Path) -> None:
    sweep = load_sweep(make_classified(AXES, PLACES, ["done"] * 3 + ["failed"] * 3))
    write_report(sweep, tmp_path / "experiments")
    page = (tmp_path / "experiments" / "cascade" / "README.md").read_text()
    assert "Missing, with all their images: masks always given, seed 0: all folds." in page
