"""The README and the index, with the text written by hand kept."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from written import write_report

from dermoscopy.report.page.readme import BEGIN, END, refreshed, with_row
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]


def test_text_written_by_hand_is_kept(make_runs: MakeRuns, tmp_path: Path) -> None:
    page = tmp_path / "experiments" / "zeroing" / "README.md"
    page.parent.mkdir(parents=True)
    page.write_text(f"# Mine\n\nbefore\n\n{BEGIN}\nold numbers\n{END}\n\nafter\n")
    write_report(load_sweep(make_runs()), tmp_path / "experiments")
    text = page.read_text()
    assert text.startswith(f"# Mine\n\nbefore\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old numbers" not in text


def test_a_page_without_markers_gets_them_and_one_with_unpaired_markers_is_refused() -> None:
    assert refreshed("# Mine\n", "new", Path("p")) == f"# Mine\n\n## Results\n\n{BEGIN}\nnew\n{END}\n"
    for broken in (BEGIN, END, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"):
        with pytest.raises(ValueError, match=r"p/README\.md must hold"):
            refreshed(broken, "new", Path("p/README.md"))


def test_the_index_gets_one_row_per_experiment(make_runs: MakeRuns, with_about: MakeRuns, tmp_path: Path) -> None:
    experiments = tmp_path / "experiments"
    for experiment in ("zeroing", "losses", "zeroing"):
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        write_report(load_sweep(with_about(make_runs(experiment))), experiments)
    assert "Expected: No." in (experiments / "zeroing" / "README.md").read_text()
    rows = [line for line in (experiments / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert [re.search(r"\((\w+)/README", row).group(1) for row in rows] == ["zeroing", "losses"]  # type: ignore[union-attr]
    assert r"| 9 min (expected: 20 min \| 2 cores) |" in rows[0]


def test_the_index_takes_the_question_of_the_page_where_the_configuration_has_none(
    make_runs: MakeRuns, tmp_path: Path
) -> None:
    sweep, experiments = load_sweep(make_runs()), tmp_path / "experiments"
    write_report(sweep, experiments)
    assert "| [zeroing](zeroing/README.md) | With 7 of 9 jobs done: " in (experiments / "README.md").read_text()
    page = experiments / "zeroing" / "README.md"
    page.write_text(page.read_text().replace("## Question\n\nzeroing", "## Question\n\nwhat of | masks?\n\nMore."))
    write_report(sweep, experiments)
    assert r"| [what of \| masks?](zeroing/README.md) |" in (experiments / "README.md").read_text()


def test_a_row_is_inserted_into_the_table_and_the_text_below_is_kept() -> None:
    index = "# Mine\n\n| question | command |\n|---|---|\n| [a](a/README.md) | x |\n\nbelow\n"
    added = with_row(index, "](b/README.md)", "| [b](b/README.md) | y |")
    assert added.splitlines()[4:] == ["| [a](a/README.md) | x |", "| [b](b/README.md) | y |", "", "below"]
    assert "| z |" in with_row(added, "](a/README.md)", "| [a](a/README.md) | z |").splitlines()[4]


def test_what_the_program_wrote_itself_follows_the_sweep_and_what_a_person_wrote_stays(
    make_runs: MakeRuns, tmp_path: Path
) -> None:
    folder, page = make_runs(), tmp_path / "zeroing" / "README.md"
    write_report(load_sweep(folder), tmp_path)
    page.write_text(page.read_text().replace("## Hardware\n\nAs recorded", "## Hardware\n\nTwo cores. As recorded"))
    record = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps(record | {"command": "python train.py name=zeroing network=fpn -m"}))
    write_report(load_sweep(folder), tmp_path)
    protocol = page.read_text().partition("## Protocol\n\n")[2].partition("\n\n## ")[0]
    assert protocol == "Run by `python train.py name=zeroing network=fpn -m`."
    assert "## Hardware\n\nTwo cores. As recorded" in page.read_text()
