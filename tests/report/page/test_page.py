"""The page is complete, reports failures and is the same for the same input."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.report.page.facts import job_counts
from dermoscopy.report.page.page import compact_csv, write_report
from dermoscopy.report.page.sections import page_sections
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]


def test_a_page_reports_what_ran_the_results_and_their_uncertainty(
    make_runs: MakeRuns, with_about: MakeRuns, tmp_path: Path
) -> None:
    files = write_report(load_sweep(with_about(make_runs())), tmp_path / "experiments")
    names = [str(file.relative_to(tmp_path / "experiments")) for file in files]
    assert names == [
        *(f"zeroing/{name}" for name in ("results.csv", "table.csv", "table.svg", "figure.png", "README.md")),
        "README.md",
    ]
    page = files[4].read_text()
    assert PURPOSE in page and PURPOSE in files[5].read_text()
    assert "@font-face" not in files[2].read_text()  # the picture of the table loads nothing from the web
    for heading in ("## Question", "## Protocol", "## Hardware", "## Reading"):
        assert heading in page
    for fact in (
        "Do masks help, given as input?",
        "`python train.py +experiment=zeroing -m`",
        "made_up, 200 train, 40 val, 60 test images, 64 x 64 px",
        "abc1234",
        "9: 7 done, 1 failed, 1 missing",
        "With 7 of 9 jobs done: In average precision without masks",
        "| cells_80 (best) | 3 |",
        "[table.csv](table.csv)",
    ):
        assert fact in page


def test_a_report_written_twice_gives_the_same_bytes(make_runs: MakeRuns, tmp_path: Path) -> None:
    sweep = load_sweep(make_runs())
    first = [file.read_bytes() for file in write_report(sweep, tmp_path / "experiments")]
    assert [file.read_bytes() for file in write_report(sweep, tmp_path / "experiments")] == first


def test_large_results_are_rounded_and_keep_their_rows() -> None:
    table = pd.DataFrame({"epoch": range(100), "f1": [1 / 3 + k for k in range(100)]})
    assert compact_csv(table) == table.to_csv(index=False)
    assert compact_csv(table, largest=100).splitlines()[1:3] == ["0,0.33333", "1,1.3333"]
    assert compact_csv(table, largest=100).count("\n") == 101


@pytest.mark.parametrize("kept", [[], [7]])
def test_a_sweep_without_a_done_job_still_has_a_page(kept: list[int], make_runs: MakeRuns, tmp_path: Path) -> None:
    folder = make_runs()
    for number in set(range(9)) - set(kept):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    sweep = load_sweep(folder)
    files = write_report(sweep, tmp_path / "experiments")
    assert "no test score yet" in (tmp_path / "experiments" / "zeroing" / "README.md").read_text()
    assert "figure.png" not in [file.name for file in files]
    assert job_counts(sweep).startswith(f"9: 0 done, {len(kept)} failed, {9 - len(kept)} missing")


def test_a_page_with_results_is_not_replaced_by_a_sweep_that_has_none(make_runs: MakeRuns, tmp_path: Path) -> None:
    folder, page = make_runs(), tmp_path / "zeroing" / "README.md"
    write_report(load_sweep(folder), tmp_path)
    before = page.read_text()
    for number in range(9):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    with pytest.raises(ValueError, match=rf"zeroing.README.md .*sweep={folder.name} .*force=true"):
        write_report(load_sweep(folder), tmp_path)
    assert page.read_text() == before
    write_report(load_sweep(folder), tmp_path, force=True)
    assert "no test score yet" in page.read_text()


@pytest.mark.parametrize(("asked", "named"), [({"reference": 0}, "reference=0"), ({"metric": "x"}, "metric=x")])
def test_what_to_compare_is_not_taken_without_effect(
    asked: dict, named: str, make_runs: MakeRuns, tmp_path: Path
) -> None:
    folder = make_runs()
    for number in range(9):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    with pytest.raises(ValueError, match=named):
        write_report(load_sweep(folder), tmp_path, **asked)


def test_a_segmentation_sweep_without_labels_has_a_page(make_runs: MakeRuns, tmp_path: Path) -> None:
    folder = make_runs("encoders")
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        dice = {"test/none/dice": record["metrics"]["test/none/f1"] + 0.3} if record["metrics"] else {}
        file.write_text(json.dumps(record | {"metrics": dice}))
    for file in folder.parents[1].glob("*/split.csv"):
        file.unlink()
    sweep = load_sweep(folder)
    write_report(sweep, tmp_path / "experiments")
    assert "In Dice, " in (tmp_path / "experiments" / "encoders" / "README.md").read_text()
    sections = {section.title: section for section in page_sections(sweep, find(sweep))}
    differences = sections["Dice (TTA none), difference to image only"]
    assert "No interval over test images: no job has predictions.csv" in differences.text
    trivial = "Not compared with constant masks, the same for every image: job 0 has no split.csv"
    assert any(trivial in section.text for section in sections.values())
