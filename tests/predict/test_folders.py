"""Tests of image files below a folder: every other file there is named with the reason why it is left out."""

import os

import pytest
from PIL import Image

from dermoscopy.data.raw.problems import Problem
from dermoscopy.predict.folders import describe, find_images


def save(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 4)).save(path, format="PNG")


def left_out(images):
    return {problem.file: problem.problem for problem in images.left_out}


def test_ids_are_relative_paths_without_suffix(tmp_path):
    save(tmp_path, "a.png", "deeper/b.c.PNG", "x.jpg/d.png", "c,\n'\".tif", ".png.png")
    images = find_images(tmp_path)
    assert list(images.files) == ["a", "c,\n'\"", "deeper/b.c", "x.jpg/d"]
    assert images.problems == [] and left_out(images) == {".png.png": "hidden"}
    assert list(find_images(tmp_path / "a.png").files) == ["a"]
    assert list(find_images(tmp_path / ".png.png").files) == [".png"]  # named, so not passed over
    with pytest.raises(FileNotFoundError, match="images=.*none does not exist"):
        find_images(tmp_path / "none")


def test_every_file_that_is_no_image_is_named_with_its_kind(tmp_path):
    save(
        tmp_path, "a.png", "b.gif", "noext", "UPPER.HEIC", ".hidden.png", ".trash/b.png", "__MACOSX/c.png", "deep/e.dcm"
    )
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    images = find_images(tmp_path)
    assert list(images.files) == ["a"] and images.problems == []
    other, hidden = dict.fromkeys(["b.gif", "UPPER.HEIC", "deep/e.dcm"], "of another type"), [".hidden.png", ".trash"]
    expected = other | dict.fromkeys([*hidden, "__MACOSX"], "hidden")
    assert left_out(images) == expected | {"noext": "without suffix", "pipe.png": "neither file nor folder"}


def test_links_are_followed_each_folder_once(tmp_path):
    save(tmp_path, "in/a.png", "elsewhere/b.png", "in/deeper/c.png")
    (tmp_path / "in/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/again").symlink_to(tmp_path / "in/deeper")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/one.png").symlink_to(tmp_path / "elsewhere/b.png")
    (tmp_path / "in/itself.png").symlink_to(tmp_path / "in/itself.png")
    images = find_images(tmp_path / "in")
    assert list(images.files) == ["a", "deeper/c", "itself", "link/b", "one"] and images.left_out == []


def test_images_of_one_id_are_all_problems_in_any_unicode_form(tmp_path):
    save(tmp_path, "a.png", "a.bmp", "b.PNG", "b.png", "e\u0301.png", "\u00e9.jpg", "c.png")
    images = find_images(tmp_path)
    assert list(images.files) == ["c"]
    assert [problem.problem for problem in images.problems] == [
        f"2 images have the id {id}" for id in ("a", "b", "\u00e9") for _ in range(2)
    ]


def test_a_name_that_is_no_text_is_a_problem(tmp_path):
    save(tmp_path, "a.png")
    (tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"\xff.png"))
    images = find_images(tmp_path)
    assert left_out(images) == {"\\xff.png": "its name is no text in UTF-8"} and not images.files


def test_a_folder_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    save(tmp_path, "a.png", "closed/b.png")
    scan = os.scandir

    def refuse(folder):
        if folder == tmp_path / "closed":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    images = find_images(tmp_path)
    assert list(images.files) == ["a"] and left_out(images) == {"closed": "not opened (Permission denied)"}


def test_a_folder_without_images_is_an_error_that_says_what_is_there(tmp_path):
    with pytest.raises(ValueError, match=r"images=.* holds no image file; .*\.jpg"):
        find_images(tmp_path)
    save(tmp_path, "b.gif", "noext")
    with pytest.raises(ValueError, match=r"1 of another type \(b.gif\), 1 without suffix \(noext\); .*\.jpg"):
        find_images(tmp_path)


def test_a_description_counts_kinds_and_names_the_first():
    files = [Problem(f"{number}.gif", "of another type", "convert") for number in range(5)]
    files += [Problem(name, name, "") for name in "abcd"]
    text = describe(files)
    assert text == "5 of another type (0.gif, 1.gif, 2.gif, ...), 1 a (a), 1 b (b), 2 others"
