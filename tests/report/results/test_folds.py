"""The joined folds of an arm have each image once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dermoscopy.report.results.mask_folds import out_of_fold
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
FOLDS = {"split.fold": ["0", "1", "2"]}


def test_an_image_tested_in_two_folds_is_refused(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(FOLDS, ["done"] * 3)
    first, second = (tmp_path / "runs" / "encoders" / f"encoders-0-{fold}" / "predictions.csv" for fold in (0, 1))
    second.write_text(first.read_text())
    with pytest.raises(ValueError, match="was tested in two folds of encoders, seed 0"):
        out_of_fold(load_sweep(sweep))
