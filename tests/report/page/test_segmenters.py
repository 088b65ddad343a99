"""A page of segmenters: scores by TTA and size, per mask, and of single images."""

import json
from collections.abc import Callable
from pathlib import Path

from written import write_report

from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
SEEDS = {"network": ["small", "large"], "seed": ["0", "1"]}


def report(sweep: Path, tmp_path: Path, metric: str | None = None) -> tuple[str, list[str]]:
    files = write_report(load_sweep(sweep), tmp_path / "experiments", metric=metric)
    return (tmp_path / "experiments" / "encoders" / "README.md").read_text(), [file.name for file in files]


def test_a_page_of_segmenters_reports_masks_and_no_labels(make_segmented: MakeSweep, tmp_path: Path) -> None:
    page, files = report(make_segmented(SEEDS, ["done", "done", "done", "failed"]), tmp_path)
    assert files[3:7] == ["table.csv", "figure.png", "boxes.png", "cost.png"]
    for fact in (
        "| arm | seeds | tta | size | Dice | IoU | thresholded Jaccard | failure rate |",
        "| small | 2 | none | original |",
        "### Dice (TTA none) of each mask\n\n| arm | lesion | streaks |",
        "### Dice (TTA none), difference to small",
        "| nothing |",
        "| mean training mask |",
        "### IoU of single test images",
        "| small | 40 | 2 |",
        "| large | 40 | 1 |",
        "| small | 1.00 | 1.00 | 3 |",
    ):
        assert fact in page
    for word in ("masks none", "average precision", "labels", "macro", "mask_condition"):
        assert word not in page


def test_distances_are_shown_with_the_number_of_images_that_have_none(
    make_segmented: MakeSweep, tmp_path: Path
) -> None:
    folder = make_segmented(SEEDS, ["done"] * 4)
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["metrics"] |= {"test/none/hd95": 7.5, "test/none/one_side_empty": 2.0}
        file.write_text(json.dumps(record))
    page, _ = report(folder, tmp_path)
    assert " | failure rate | HD95 | one side empty |\n" in page
    assert " | 7.500 ± 0.000 | 2.000 ± 0.000 |\n" in page
    assert "the diagonal of the image where exactly one of truth and prediction is empty" in page
