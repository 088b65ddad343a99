"""A page of segmenters: scores by TTA and size, per mask, and of single images."""

import json
from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.page.extra_files import extra_files
from dermoscopy.report.page.section import Section
from dermoscopy.report.page.sections import page_sections
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
SEEDS = {"network": ["small", "large"], "seed": ["0", "1"]}


def sections_of(sweep: Path) -> tuple[dict[str, Section], list[str]]:
    loaded = load_sweep(sweep)
    findings = find(loaded)
    files, more = extra_files(loaded, findings)
    return {section.title: section for section in page_sections(loaded, findings, more)}, list(files)


def begins(section: Section, *cells: str) -> bool:
    return any(tuple(row[: len(cells)]) == cells for row in section.rows)


def test_a_page_of_segmenters_reports_masks_and_no_labels(make_segmented: MakeSweep) -> None:
    sections, files = sections_of(make_segmented(SEEDS, ["done", "done", "done", "failed"]))
    assert files == ["boxes.png", "cost.png"]
    arms = sections["Arms, mean ± sd over seeds"]
    assert arms.head == ["arm", "seeds", "tta", "size", "Dice", "IoU", "thresholded Jaccard", "failure rate"]
    assert begins(arms, "small", "2", "none", "original")
    assert sections["Dice (TTA none) of each mask"].head == ["arm", "lesion", "streaks"]
    assert "Dice (TTA none), difference to small" in sections
    trivial = sections["Trivial predictors, which ignore the image"]
    assert begins(trivial, "nothing") and begins(trivial, "mean training mask")
    boxes = sections["IoU of single test images"]
    assert begins(boxes, "small", "40", "2") and begins(boxes, "large", "40", "1")
    assert begins(sections["Cost"], "small", "1.00", "1.00", "3")
    page = str(sections)
    for word in ("masks none", "average precision", "labels", "macro", "mask_condition"):
        assert word not in page


def test_distances_are_shown_with_the_number_of_images_that_have_none(make_segmented: MakeSweep) -> None:
    folder = make_segmented(SEEDS, ["done"] * 4)
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["metrics"] |= {"test/none/hd95": 7.5, "test/none/one_side_empty": 2.0}
        file.write_text(json.dumps(record))
    arms = sections_of(folder)[0]["Arms, mean ± sd over seeds"]
    assert list(arms.head[-3:]) == ["failure rate", "HD95", "one side empty"]
    assert list(arms.rows[0][-2:]) == ["7.500 ± 0.000", "2.000 ± 0.000"]
    assert "the diagonal of the image where exactly one of truth and prediction is empty" in arms.text
