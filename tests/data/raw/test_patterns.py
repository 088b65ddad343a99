"""Files that patterns match."""

import os
import unicodedata
from pathlib import Path

import pytest

from dermoscopy.data.raw.patterns import Matches


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def ids(root: Path, pattern: str) -> list[str]:
    return sorted(Matches(root, pattern).files)


@pytest.mark.parametrize(
    "hidden", [".ipynb_checkpoints/b.jpg", ".Trash/b.jpg", "__MACOSX/b.jpg", "@eaDir/b.jpg", "a/.b.jpg", "a/._a.jpg"]
)
@pytest.mark.parametrize("pattern", ["{class}/{id}.jpg", "**/{id}.*", "*/{id}.jpg"])
def test_hidden_files_and_folders_hold_no_image_and_no_class(tmp_path: Path, hidden: str, pattern: str) -> None:
    matches = Matches(touched(tmp_path, "a/a.jpg", hidden), pattern)
    assert [path for paths in matches.files.values() for path in paths] == [tmp_path / "a/a.jpg"]
    assert matches.hidden == [tmp_path / hidden]
    assert list(matches.classes) == (["a"] if "{class}" in pattern else [])


def test_a_hidden_folder_that_the_pattern_spells_is_read(tmp_path: Path) -> None:
    assert ids(touched(tmp_path, ".data/a.jpg"), ".data/{id}.jpg") == ["a"]
    assert ids(touched(tmp_path, "raw/a.jpg", "masks/b.png") / "raw", "../masks/{id}.png") == ["b"]


def test_a_suffix_matches_in_any_case_and_the_rest_of_a_name_does_not(tmp_path: Path) -> None:
    touched(tmp_path, "a.JPG", "b.Jpg", "c.jpg", "d_MASK.PNG", "e_mask.PNG", "f.JPEG", "g.TIFF")
    assert ids(tmp_path, "{id}.jpg") == ["a", "b", "c"]
    assert ids(tmp_path, "{id}_mask.png") == ["e"]
    assert ids(tmp_path, "{id}.*") == ["a", "b", "c", "d_MASK", "e_mask", "f", "g"]


def test_names_are_compared_in_one_unicode_form(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "Läsion_ä")
    whole = unicodedata.normalize("NFC", apart)
    touched(tmp_path, f"{apart}/{apart}.jpg", f"masks/{whole}.png")
    assert ids(tmp_path, f"{whole}/{{id}}.jpg") == ids(tmp_path, "masks/{id}.png") == [whole]
    assert ids(tmp_path, f"{apart}/{{id}}.jpg") == [whole]


def test_links_to_folders_are_followed_each_folder_once_and_loops_end(tmp_path: Path) -> None:
    touched(tmp_path, "elsewhere/c.jpg", "root/a/a.jpg", "root/z/b.jpg")
    (tmp_path / "root/a/loop").symlink_to(tmp_path / "root")
    (tmp_path / "root/a/same").symlink_to(tmp_path / "root/z")
    (tmp_path / "root/circle").symlink_to("circle")
    (tmp_path / "root/linked").symlink_to(tmp_path / "elsewhere")
    matches = Matches(tmp_path / "root", "**/{id}.jpg")
    assert {id: len(paths) for id, paths in matches.files.items()} == {"a": 1, "b": 1, "c": 1}
    assert matches.files["b"] == [tmp_path / "root/z/b.jpg"]
    assert ids(tmp_path / "root", "linked/{id}.jpg") == ids(tmp_path / "root", "link*/{id}.jpg") == ["c"]


def test_a_link_to_a_missing_file_is_a_file_so_that_it_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("nowhere.jpg")
    assert ids(tmp_path, "{id}.jpg") == ["a"]


def test_blanks_brackets_points_and_line_breaks_in_names_are_taken_literally(tmp_path: Path) -> None:
    names = ["a b", " a", "a.b", "a[1]", "a\nb", "ä*", "a{id}"]
    assert ids(touched(tmp_path, *(f"my (1)/{name}.jpg" for name in names)), "my (1)/{id}.jpg") == sorted(names)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_cannot_be_opened_is_known(tmp_path: Path) -> None:
    touched(tmp_path, "a/a.jpg", "b/b.jpg")
    (tmp_path / "b").chmod(0)
    assert Matches(tmp_path, "**/{id}.jpg").closed == [tmp_path / "b"]
    (tmp_path / "b").chmod(0o700)
