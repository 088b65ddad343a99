"""What pruning prints."""

from io import StringIO

import pytest
from rich.console import Console

from dermoscopy.report.terminal import prune
from dermoscopy.report.terminal.prune import delete, print_removable, size_text
from dermoscopy.runs.prune import CHECKPOINTS, STAGES, Pruning, Removable


@pytest.fixture
def console():
    return Console(file=StringIO(), width=100)


def test_kind_path_and_size_of_everything_are_printed_and_the_checkpoints_of_an_experiment_in_one_row(
    tmp_path, monkeypatch, console
):
    monkeypatch.chdir(tmp_path)
    lab = tmp_path / "runs" / "lab"
    items = [Removable(CHECKPOINTS, lab / key / "last.ckpt", 2_000_000) for key in ("a", "b")]
    pruning = Pruning([Removable(STAGES, lab / "[c]", 500), *items], {"other": "a process works in it"})
    print_removable(pruning, "python report.py prune=delete", console)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert f"{STAGES} runs/lab/[c] 500 B" in lines
    assert f"{CHECKPOINTS} runs/lab/*/last.ckpt (2) 4.0 MB" in lines
    assert "total 4.0 MB" in lines
    assert lines[0].startswith("other ")
    assert lines[-1].endswith(": python report.py prune=delete")


def test_what_could_not_be_deleted_is_named(tmp_path, monkeypatch, console):
    monkeypatch.setattr(prune, "remove", lambda item: item.size > 1)
    delete(Pruning([Removable(STAGES, tmp_path / "a", 1), Removable(STAGES, tmp_path / "b", 2)]), console)
    first, *_, last = console.file.getvalue().splitlines()
    assert f"kept {tmp_path / 'a'}: " in first
    assert last == "deleted 2 B"


def test_nothing_to_delete_is_said(console):
    print_removable(Pruning(), "", console)
    assert console.file.getvalue() == "nothing to delete\n"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_340, "12 kB"), (999_600, "1.0 MB"), (3e15, "3000 TB")],
)
def test_sizes_are_written_with_two_or_three_digits(size, text):
    assert size_text(size) == text
