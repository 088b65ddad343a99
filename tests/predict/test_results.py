"""Tests of the folder for results: complete or unchanged, with a list of the files that were left out."""

import csv
import errno
from pathlib import Path

import pytest

from dermoscopy.data.raw.problems import Problem
from dermoscopy.predict.folders import ImageFolder
from dermoscopy.predict.results import new_results, notes, open_output, write_left_out


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_results_appear_when_all_are_written_and_replace_those_of_the_same_name(tmp_path):
    out = tmp_path / "deep/out"
    for text in ("first", "second"):
        with new_results(out) as folder:
            (folder / "a").mkdir()
            (folder / "a/b.txt").write_text(text)
            (folder / f"{text}.txt").touch()
            assert "second.txt" not in content(out)
    assert content(out) == {"a/b.txt": "second", "first.txt": "", "second.txt": ""}


def test_after_an_error_nothing_has_changed(tmp_path):
    for out in (tmp_path / "new", tmp_path / "old"):
        if out.name == "old":
            out.mkdir()
            (out / "a.txt").write_text("before")
        with pytest.raises(ValueError, match="broken"), new_results(out) as folder:
            (folder / "a.txt").write_text("after")
            raise ValueError("broken")
    assert content(tmp_path) == {"old/a.txt": "before"} and not (tmp_path / "new").exists()


def test_a_full_disk_and_a_folder_that_cannot_be_created_name_the_output(tmp_path):
    with pytest.raises(OSError, match=r"out=.*new cannot be written \(No space"), new_results(tmp_path / "new"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file/out"):
        with pytest.raises(OSError, match="out=.*file.* cannot be written"):
            open_output(out)


def test_files_that_were_left_out_are_counted_and_listed(tmp_path):
    problems = [Problem("d.jpg", "empty, 0 bytes", "get it again")]
    passed_over = [Problem("c,\n.gif", "of another type", "convert")]
    folder = ImageFolder(
        tmp_path, {"a": tmp_path / "a.jpg", "b": tmp_path / "b.jpg"}, problems, passed_over, turned=["b"]
    )
    left_out, turned = notes(folder, tmp_path)
    assert left_out.startswith("2 of 4 files left out: ") and "c,\n.gif" in left_out and "left_out.csv" in left_out
    assert turned.startswith("1 of 2 images have an EXIF orientation (b)")
    write_left_out(folder, tmp_path)
    with (tmp_path / "left_out.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [list(Problem._fields), *map(list, [*passed_over, *problems])]
    assert notes(ImageFolder(tmp_path, {"a": tmp_path / "a.jpg"}), tmp_path) == []
