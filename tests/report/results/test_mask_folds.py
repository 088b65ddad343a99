"""Out-of-fold masks: joined once, with every image once, if no fold is missing."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shown_sections import page_text
from written import write_report

from dermoscopy.config.references import masks_file, weights_file
from dermoscopy.masks.predicted import PredictedMasks, read_masks, write_masks
from dermoscopy.report.results.mask_folds import masks_to_join, out_of_fold
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
FOLDS = {"split.fold": ["0", "1", "2"]}


def report(sweep: Path, tmp_path: Path, metric: str | None = None) -> tuple[str, list[str]]:
    files = write_report(load_sweep(sweep), tmp_path / "experiments", metric=metric)
    return page_text(load_sweep(sweep), metric), [file.name for file in files]


def test_a_missing_fold_is_named_and_its_masks_are_not_joined(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(FOLDS, ["done", "failed", "done"])
    for folder in (tmp_path / "runs" / "encoders").glob("encoders-*"):
        (folder / "masks.h5").touch()
    page, _ = report(sweep, tmp_path)
    assert "| encoders | 0 | store | 80 | 2 |" in page
    assert "Missing, with all their images: encoders, seed 0: fold 1." in page
    assert masks_to_join(load_sweep(sweep)) == {}


def test_the_masks_of_complete_folds_are_joined_once(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = load_sweep(make_segmented(FOLDS, ["done"] * 3))
    assert masks_to_join(sweep) == {}  # no fold has predicted masks
    folders = [tmp_path / "runs" / "encoders" / f"encoders-0-{fold}" for fold in range(3)]
    for folder in folders:
        (folder / "masks.h5").touch()
    file = sweep.folder / "out_of_fold.h5"
    assert masks_to_join(sweep) == {file: folders}
    file.touch()
    os.utime(file, (2e9, 2e9))
    assert masks_to_join(sweep) == {}


def test_the_name_of_an_experiment_stands_for_the_masks_that_its_folds_predicted(
    make_segmented: MakeSweep, tmp_path: Path
) -> None:
    folder, runs = make_segmented(FOLDS, ["done"] * 3), tmp_path / "runs"
    assert masks_file("some/file.h5", runs) == "some/file.h5"
    with pytest.raises(ValueError, match=r"datamodule.predicted=encoders: .* lacks folds, or is no sweep over them"):
        masks_file("encoders", runs)
    for fold in range(3):
        probability = np.full((1, 2, 2, 1), fold, dtype=np.uint8)
        masks = PredictedMasks(np.array([f"image{fold}"]), ("lesion",), False, "fingerprint", probability)
        write_masks(runs / "encoders" / f"encoders-0-{fold}" / "masks.h5", masks)
    joined = masks_file("encoders", runs)
    assert joined == str(folder / "out_of_fold.h5")
    assert read_masks(Path(joined)).of(["image2", "image0"]).max((1, 2, 3)).tolist() == [2, 0]
    (folder / "out_of_fold-other.h5").touch()
    with pytest.raises(ValueError, match="datamodule.predicted=encoders left the masks of 2 arms, give the file"):
        masks_file("encoders", runs)
    with pytest.raises(ValueError, match=r"network.segmenter.checkpoint=nothing: run=nothing names no file"):
        weights_file("network.segmenter.checkpoint", "nothing", runs, "sqlite:///none.db")
    with pytest.raises(ValueError, match=r"=folds: .*there are: encoders; train its folds first .*experiment=folds -m"):
        masks_file("folds", runs)


def test_classifiers_have_no_folds_to_join(make_sweep: MakeSweep) -> None:
    assert out_of_fold(load_sweep(make_sweep(FOLDS, ["done"] * 3))) == []
