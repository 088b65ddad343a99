"""The page: complete, honest, repeatable, and careful with what a person wrote."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import ROOT

from dermoscopy.report.page.facts import hours, job_counts
from dermoscopy.report.page.index import with_row
from dermoscopy.report.page.page import BEGIN, END, compact_csv, read_header, refreshed, write_report
from dermoscopy.report.results.findings import choose_reference, find, sentences
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
HEADER = """# @package _global_
# question: Do masks help,
#   given as input?
# command: python train.py +experiment=zeroing -m
# cost: 20 min | 2 cores
#
# not part of anything
epochs: 3
# expected: too late to count
"""


@pytest.fixture
def header(tmp_path: Path) -> Path:
    file = tmp_path / "zeroing.yaml"
    file.write_text(HEADER)
    return file


def test_the_header_is_read_from_the_first_comments(header: Path) -> None:
    assert read_header(header) == {
        "question": "Do masks help, given as input?",
        "command": "python train.py +experiment=zeroing -m",
        "cost": "20 min | 2 cores",
    }
    assert read_header(header.with_name("none.yaml")) == {}


def test_a_page_says_what_ran_what_came_out_and_how_sure(make_runs: MakeRuns, header: Path, tmp_path: Path) -> None:
    files = write_report(load_sweep(make_runs()), tmp_path / "experiments", header)
    names = [str(file.relative_to(tmp_path / "experiments")) for file in files]
    assert names == [
        *(f"zeroing/{name}" for name in ("results.csv", "table.csv", "table.svg", "figure.png", "README.md")),
        "README.md",
    ]
    page = files[4].read_text()
    assert "@font-face" not in files[2].read_text()  # the picture of the table asks nothing of the network
    for heading in ("## Question", "## Protocol", "## Hardware", "## Reading"):
        assert heading in page
    for fact in (
        "Do masks help, given as input?",
        "`python train.py +experiment=zeroing -m`",
        "made_up, 200 train, 40 val, 60 test images, 64 x 64 px",
        "a CPU, 2 cores, 2 threads",
        "abc1234",
        "9: 7 done, 1 failed, 1 missing",
        "job 7 (zeroing=whole_50, seed 1) failed: loss is not finite in epoch 3",
        "job 8 missing",
        "always positive",
        "`zeroing.per_channel: True`",
    ):
        assert fact in page


def test_a_rerun_gives_the_same_bytes(make_runs: MakeRuns, header: Path, tmp_path: Path) -> None:
    sweep = load_sweep(make_runs())
    first = [file.read_bytes() for file in write_report(sweep, tmp_path / "experiments", header)]
    assert [file.read_bytes() for file in write_report(sweep, tmp_path / "experiments", header)] == first


def test_what_a_person_wrote_stays(make_runs: MakeRuns, header: Path, tmp_path: Path) -> None:
    page = tmp_path / "experiments" / "zeroing" / "README.md"
    page.parent.mkdir(parents=True)
    page.write_text(f"# Mine\n\nbefore\n\n{BEGIN}\nold numbers\n{END}\n\nafter\n")
    write_report(load_sweep(make_runs()), tmp_path / "experiments", header)
    text = page.read_text()
    assert text.startswith(f"# Mine\n\nbefore\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old numbers" not in text


def test_a_page_without_markers_gets_them_and_one_with_half_of_them_is_refused() -> None:
    assert refreshed("# Mine\n", "new", Path("p")) == f"# Mine\n\n## Results\n\n{BEGIN}\nnew\n{END}\n"
    for broken in (BEGIN, END, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"):
        with pytest.raises(ValueError, match=r"p/README\.md must hold"):
            refreshed(broken, "new", Path("p/README.md"))


def test_the_index_gets_one_row_an_experiment(make_runs: MakeRuns, header: Path, tmp_path: Path) -> None:
    experiments = tmp_path / "experiments"
    for experiment in ("zeroing", "losses", "zeroing"):
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        write_report(load_sweep(make_runs(experiment)), experiments, header)
    rows = [line for line in (experiments / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert [re.search(r"\((\w+)/README", row).group(1) for row in rows] == ["zeroing", "losses"]  # type: ignore[union-attr]
    assert r"20 min \| 2 cores (measured: 0.15 h)" in rows[0]


def test_the_index_asks_what_a_person_asks_where_no_configuration_does(make_runs: MakeRuns, tmp_path: Path) -> None:
    sweep, experiments, none = load_sweep(make_runs()), tmp_path / "experiments", tmp_path / "none.yaml"
    write_report(sweep, experiments, none)
    assert "| [zeroing](zeroing/README.md) |" in (experiments / "README.md").read_text()
    page = experiments / "zeroing" / "README.md"
    page.write_text(page.read_text().replace("## Question\n\nzeroing", "## Question\n\nwhat of | masks?\n\nMore."))
    write_report(sweep, experiments, none)
    assert r"| [what of \| masks?](zeroing/README.md) |" in (experiments / "README.md").read_text()


def test_a_row_is_put_into_the_table_and_the_text_below_it_stays() -> None:
    index = "# Mine\n\n| question | command |\n|---|---|\n| [a](a/README.md) | x |\n\nbelow\n"
    added = with_row(index, "](b/README.md)", "| [b](b/README.md) | y |")
    assert added.splitlines()[4:] == ["| [a](a/README.md) | x |", "| [b](b/README.md) | y |", "", "below"]
    assert "| z |" in with_row(added, "](a/README.md)", "| [a](a/README.md) | z |").splitlines()[4]


def test_shared_stages_count_once_in_the_hours(make_runs: MakeRuns) -> None:
    assert hours(load_sweep(make_runs())) == pytest.approx((3 * 36 + 7 * 60) / 3600)


def test_large_results_are_rounded_and_keep_their_rows() -> None:
    table = pd.DataFrame({"epoch": range(100), "f1": [1 / 3 + k for k in range(100)]})
    assert compact_csv(table) == table.to_csv(index=False)
    assert compact_csv(table, largest=100).splitlines()[1:3] == ["0,0.33333", "1,1.3333"]
    assert compact_csv(table, largest=100).count("\n") == 101


def test_sentences_claim_a_difference_only_where_there_is_one(make_runs: MakeRuns) -> None:
    folder = make_runs()
    findings = find(load_sweep(folder))
    assert findings is not None
    reference, cells, whole = sentences(findings)
    assert "is the reference" in reference
    assert "higher than never (difference +0.0" in cells
    assert "one seed says nothing" in whole
    values = dict(zip(range(6), (0.40, 0.42, 0.41, 0.43, 0.40, 0.43), strict=True))
    for job, value in values.items():
        file = folder / str(job) / "job.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"metrics": {"test/none/f1": value}}))
    findings = find(load_sweep(folder))
    assert findings is not None
    claim = "no difference from never is established (difference +0.010, 95 % interval -0.056 to 0.076, 3 seeds)"
    assert claim in sentences(findings)[1]


def test_folds_widen_the_interval_by_what_their_training_sets_share(
    make_runs: MakeRuns, header: Path, tmp_path: Path
) -> None:
    folder = make_runs()
    plain = find(load_sweep(folder))
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"seed": 0, "fold": record["seed"]}))
    folds = find(load_sweep(folder))
    assert plain is not None
    assert folds is not None
    assert (plain.test_per_train, folds.test_per_train) == (0, pytest.approx(60 / 200))
    half = {
        name: float(np.diff(each.compared.loc["zeroing=cells_80", ["low", "high"]])[0])
        for name, each in (("plain", plain), ("folds", folds))
    }
    assert half["folds"] / half["plain"] == pytest.approx(np.sqrt((1 / 3 + 0.3) / (1 / 3)))
    write_report(load_sweep(folder), tmp_path / "experiments", header)
    page = (tmp_path / "experiments" / "zeroing" / "README.md").read_text()
    assert "sd² (1/n + 0.300)" in page
    assert "Nadeau and Bengio 2003" in page


def test_seeds_that_draw_their_own_test_images_widen_the_interval_as_folds_do(make_runs: MakeRuns) -> None:
    folder = make_runs()
    plain = find(load_sweep(folder))
    for file in folder.parents[1].glob("*1/predictions.csv"):  # of seed 1
        table = pd.read_csv(file, dtype={"id": str})
        file.write_text(table.assign(id="other_" + table["id"]).to_csv(index=False))
    drawn = find(load_sweep(folder))
    assert plain is not None
    assert drawn is not None
    assert (plain.test_per_train, drawn.test_per_train) == (0, pytest.approx(60 / 200))


def test_a_reference_is_an_arm_in_full_or_its_value() -> None:
    arms = ["zeroing=cells_80", "zeroing=never"]
    assert choose_reference(arms, None) == "zeroing=never"
    assert choose_reference(arms, "cells_80") == choose_reference(arms, "zeroing=cells_80") == "zeroing=cells_80"
    assert choose_reference(["loss=bce", "loss=dice"], None) == "loss=bce"
    with pytest.raises(ValueError, match="reference=often names 0 arms; there are: zeroing=cells_80"):
        choose_reference(arms, "often")


def test_a_metric_that_is_not_a_test_metric_is_refused(make_runs: MakeRuns) -> None:
    with pytest.raises(ValueError, match="test/<availability>/<name>, got 'f1'"):
        find(load_sweep(make_runs()), metric="f1")


def test_other_test_images_in_one_job_take_the_bootstrap_away_and_say_so(make_runs: MakeRuns) -> None:
    sweep = load_sweep(make_runs())
    file = sweep.folder.parents[1] / "never0" / "predictions.csv"
    pd.read_csv(file).replace("IMG_000", "IMG_999").to_csv(file, index=False)
    findings = find(sweep)
    assert findings is not None
    assert findings.compared["image_low"].isna().all()
    assert "of zeroing=cells_80, zeroing=whole_50: tested on others than zeroing=never" in findings.notes[0]


@pytest.mark.parametrize("kept", [[], [7]])
def test_a_sweep_without_a_done_job_still_has_a_page(
    kept: list[int], make_runs: MakeRuns, header: Path, tmp_path: Path
) -> None:
    folder = make_runs()
    for number in set(range(9)) - set(kept):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    sweep = load_sweep(folder)
    files = write_report(sweep, tmp_path / "experiments", header)
    assert "nothing to compare" in (tmp_path / "experiments" / "zeroing" / "README.md").read_text()
    assert "figure.png" not in [file.name for file in files]
    assert job_counts(sweep).startswith(f"9: 0 done, {len(kept)} failed, {9 - len(kept)} missing")


def test_a_segmentation_sweep_has_no_labels_and_still_a_page(make_runs: MakeRuns, header: Path, tmp_path: Path) -> None:
    folder = make_runs("encoders")
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        dice = {"test/none/dice": record["metrics"]["test/none/f1"] + 0.3} if record["metrics"] else {}
        file.write_text(json.dumps(record | {"metrics": dice}))
    write_report(load_sweep(folder), tmp_path / "experiments", header)
    page = (tmp_path / "experiments" / "encoders" / "README.md").read_text()
    assert "Dice (views none), difference to never" in page
    assert "No interval over test images: no job left predictions.csv" in page
    assert "Not compared with masks that are the same for every image: job 0 left no config.yaml and split.csv" in page


def report(*overrides: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", str(ROOT / "report.py"), *overrides]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_report_program_writes_a_page_and_leaves_nothing_else(
    make_runs: MakeRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_runs()
    monkeypatch.chdir(tmp_path)
    places = [f"paths.runs={tmp_path / 'runs'}", f"paths.experiments={tmp_path / 'experiments'}"]
    done = report("experiment=zeroing", "reference=whole_50", *places)
    assert done.returncode == 0, done.stderr
    assert "difference to whole_50" in (tmp_path / "experiments" / "zeroing" / "README.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiments", "runs"]
    refused = report(*places)
    assert refused.returncode == 1
    assert "error: experiment is missing: python report.py experiment=NAME" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr
