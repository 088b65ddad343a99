"""The page is complete, reports failures and is the same for the same input."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from written import write_report

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.report.page.facts import job_counts
from dermoscopy.report.page.page import make_page, read_data, read_page, write_page
from dermoscopy.report.page.sections import page_sections
from dermoscopy.report.published.record import Choice, unpack
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.merged import merge
from dermoscopy.runs.tables import SweepResults, job_table, load_sweep

MakeRuns = Callable[..., Path]


def test_a_page_reports_what_ran_the_results_and_their_uncertainty(
    make_runs: MakeRuns, with_about: MakeRuns, tmp_path: Path
) -> None:
    files = write_report(load_sweep(with_about(make_runs())), tmp_path / "experiments")
    names = [
        "jobs.csv",
        "results.csv",
        "images.csv",
        "table.csv",
        "figure.png",
        "index.html",
        "README.md",
        "record.json",
    ]
    assert [file.name for file in files] == [*names, "README.md"]
    assert {file.parent for file in files[:-1]} == {tmp_path / "experiments" / "zeroing"}
    page = files[6].read_text()
    assert PURPOSE in page and PURPOSE in files[-1].read_text()
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


def test_a_page_is_made_again_from_its_files_with_the_same_bytes(make_runs: MakeRuns, tmp_path: Path) -> None:
    folder = make_runs()
    page = make_page(load_sweep(folder), Choice(reference="whole_50", meaningful=0.05), "python report.py <&>")
    files = write_page(page, tmp_path / "first")
    shutil.rmtree(folder.parents[2])
    again = write_page(read_page(tmp_path / "first", {}, "python report.py from=first"), tmp_path / "second")
    assert [file.name for file in again] == [file.name for file in files]
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]
    other = read_page(tmp_path / "first", {"metric": "test/none/f1"}, "python report.py from=first metric=test/none/f1")
    assert "from=first metric=test/none/f1" in other.block and "<&>" not in other.block
    assert other.findings is not None and other.findings.reference == "zeroing=whole_50"


def test_a_segmentation_is_made_again_without_its_store(make_segmented: MakeRuns, tmp_path: Path) -> None:
    axes = {"network": ["small", "large"], "split.fold": ["0", "1", "2"]}
    folder = make_segmented(axes, ["done"] * 6)
    files = write_page(make_page(load_sweep(folder), Choice()), tmp_path / "first")
    shutil.rmtree(folder.parents[2])
    again = write_page(read_page(tmp_path / "first", {}, ""), tmp_path / "second")
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]


def part(sweep: SweepResults, numbers: Sequence[int]) -> SweepResults:
    """Return a sweep of these jobs alone, as one that was run on a machine of its own."""
    jobs = tuple(job for job in sweep.jobs if job.number in numbers)
    return replace(sweep, jobs=jobs, table=job_table(jobs))


def test_the_page_of_a_part_is_joined_with_the_runs_of_the_rest(
    make_segmented: MakeRuns, make_runs: MakeRuns, tmp_path: Path
) -> None:
    axes = {"network": ["small", "large"], "split.fold": ["0", "1", "2"]}
    first = {"encoders": [0, 1, 3, 4], "zeroing": [0, 1, 3, 4, 6]}
    for sweep in (load_sweep(make_segmented(axes, ["done"] * 6)), load_sweep(make_runs())):
        numbers = first[sweep.experiment]
        write_page(make_page(part(sweep, numbers), Choice()), tmp_path / sweep.experiment)
        for number in numbers:  # the other machine has nothing of them
            shutil.rmtree(sweep.jobs[number].last.folder)
        rest = part(sweep, [job.number for job in sweep.jobs if job.number not in numbers])
        earlier = unpack(read_data(tmp_path / sweep.experiment)[0])[0]
        joined = merge([earlier, rest], sweep.experiment)
        assert [job.arm for job in joined.jobs] == [job.arm for job in sweep.jobs]
        page = make_page(joined, Choice())
        assert page.findings is not None and len(joined.done) == len(sweep.done)
        whole = sweep.table.drop(columns=["job", "error"]).sort_values(["arm", "repeat"], ignore_index=True)
        own = page.sweep.table.drop(columns=["job", "error"]).sort_values(["arm", "repeat"], ignore_index=True)
        pd.testing.assert_frame_equal(own[whole.columns], whole, check_dtype=False)
        write_page(page, tmp_path / "joined")
        again = unpack(read_data(tmp_path / "joined")[0])[0]
        assert merge([again, rest], sweep.experiment).folder.name.count(sweep.experiment) == 1  # the same sweep
        if sweep.experiment == "encoders":
            assert page.sweep.constants[0].keys() == {(job.arm, str(job.repeat)) for job in sweep.jobs}


def test_a_changed_or_missing_file_is_refused_by_name(make_runs: MakeRuns, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"record.json is missing"):
        read_page(tmp_path, {}, "")
    write_page(make_page(load_sweep(make_runs()), Choice()), tmp_path)
    jobs = (tmp_path / "jobs.csv").read_text()
    (tmp_path / "jobs.csv").write_text(jobs.replace("cells_80", "cells_90"))
    with pytest.raises(ValueError, match=r"jobs.csv is not the one from which the page was made"):
        read_page(tmp_path, {}, "")
    (tmp_path / "jobs.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"jobs.csv is missing"):
        read_page(tmp_path, {}, "")
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(ValueError, match=r"record.json is damaged"):
        read_page(tmp_path, {}, "")


def test_files_that_a_page_no_longer_has_are_removed_and_others_kept(make_runs: MakeRuns, tmp_path: Path) -> None:
    folder = make_runs()
    write_page(make_page(load_sweep(folder), Choice()), tmp_path / "report")
    (tmp_path / "report" / "notes.txt").touch()
    for file in folder.parents[1].glob("*/predictions.csv"):
        file.unlink()
    write_page(make_page(load_sweep(folder), Choice()), tmp_path / "report")
    names = {file.name for file in (tmp_path / "report").iterdir()}
    assert "images.csv" not in names and {"notes.txt", "jobs.csv"} <= names


def test_stages_with_names_like_numbers_keep_their_histories(make_runs: MakeRuns) -> None:
    sweep = make_runs()
    names = {"base": "NA", "masks": "64"}
    for file in sweep.parents[1].glob("*/history.csv"):
        history = pd.read_csv(file)
        history.assign(stage=history["stage"].map(names)).to_csv(file, index=False)
    for file in sweep.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["stages"] = [{**stage, "name": names[stage["name"]]} for stage in record["stages"]]
        file.write_text(json.dumps(record))
    rows = len(load_sweep(sweep).history)
    assert len(make_page(load_sweep(sweep), Choice()).sweep.history) == rows > 0


def test_a_record_that_was_changed_by_hand_is_refused(make_runs: MakeRuns, tmp_path: Path) -> None:
    write_page(make_page(load_sweep(make_runs()), Choice()), tmp_path)
    text = (tmp_path / "record.json").read_text()
    for old, new in (('"zeroing=everything"', '"zeroing=other"'), ('"experiment": "zeroing"', '"experiment": "../x"')):
        (tmp_path / "record.json").write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=r"record.json was changed after the page was written: publish"):
            read_page(tmp_path, {}, "")
    (tmp_path / "record.json").write_text(text.replace('"version": 2', '"version": 1'))
    with pytest.raises(ValueError, match=r"record.json has version 1, this program reads 2"):
        read_page(tmp_path, {}, "")
