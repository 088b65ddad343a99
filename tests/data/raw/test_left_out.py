"""What the patterns of a source leave out of its folders."""

from pathlib import Path

import pytest

from dermoscopy.data.raw.sources import FolderSource


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def notes(root: Path, *arguments: object, **more: object) -> list[str]:
    return FolderSource(root, *arguments, **more).listing().notes  # type: ignore[arg-type]


def test_nothing_is_said_where_nothing_is_left_out(tmp_path: Path) -> None:
    touched(
        tmp_path, "images/a.jpg", "images/ATTRIBUTION.txt", "images/LICENSE", "images/.DS_Store", "images/Thumbs.db"
    )
    touched(tmp_path, "masks/a.png", "labels.csv", "README.md")
    assert notes(tmp_path, masks={"lesion": "masks/{id}.png"}, missing_masks="allow") == []
    assert notes(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["b.heic", "b.dcm", "b.gif", "b.jp2", "b.avif", "b", "b.jpg.bak", "b.jfif", "sub/b.jpg"]
)
@pytest.mark.parametrize("pattern", ["images/{id}.*", "images/{id}.jpg"])
def test_a_file_among_the_images_that_no_pattern_takes_is_named(tmp_path: Path, name: str, pattern: str) -> None:
    (note,) = notes(touched(tmp_path, "images/a.jpg", f"images/{name}"), pattern)
    assert f"1: images/{name}" in note


def test_files_left_out_are_counted(tmp_path: Path) -> None:
    touched(tmp_path, "a.jpg", *(f"b{number}.heic" for number in range(5)))
    (note,) = notes(tmp_path, "{id}.*")
    assert "5: b0.heic, b1.heic, b2.heic and 2 more" in note


def test_masks_without_an_image_and_images_without_a_mask_are_named(tmp_path: Path) -> None:
    touched(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpeg", "masks/a.png", "masks/c.png", "masks/b.bmp")
    lines = notes(tmp_path, masks={"lesion": "masks/{id}.png"}, missing_masks="allow")
    assert any("2: images/c.jpeg, masks/b.bmp" in line for line in lines)
    assert any("masks lesion without an image: 1: masks/c.png" in line for line in lines)
    assert any("without a mask lesion, of 2: 1: b" in line for line in lines)


def test_a_link_to_a_folder_that_is_read_leaves_nothing_out(tmp_path: Path) -> None:
    touched(tmp_path, "images/a.jpg")
    (tmp_path / "images/loop").symlink_to(tmp_path / "images")
    assert notes(tmp_path) == notes(tmp_path, "**/{id}.jpg") == []


def test_empty_class_folders_and_images_beside_classes_are_named(tmp_path: Path) -> None:
    touched(
        tmp_path, "mel/1.jpg", "nv/2.jpg", "bcc/notes.txt", "loose.jpg", "labels.csv", "masks/1.png", "bkl/sub/3.jpg"
    )
    lines = notes(tmp_path, "{class}/{id}.jpg", {"lesion": "masks/{id}.png"}, missing_masks="allow")
    assert any("no classes" in line and line.endswith("2: bcc, bkl") for line in lines)
    assert any("2: bkl/sub/3.jpg, loose.jpg" in line for line in lines)


def test_where_nothing_matches_the_files_that_are_there_are_named(tmp_path: Path) -> None:
    touched(tmp_path, "images/a.heic", "images/b.dcm")
    with pytest.raises(ValueError, match=r"images/\{id\}.jpg in .*images/a.heic, images/b.dcm"):
        notes(tmp_path)


def test_without_a_table_its_columns_have_no_effect_and_that_is_said(tmp_path: Path) -> None:
    touched(tmp_path, "images/a.jpg")
    source = FolderSource(tmp_path, columns={"mel": "dx=mel"}, group_column="lesion")
    listing = source.listing()
    assert listing.label_names == () and listing.items[0].group == "a"
    assert "data.source.columns (mel)" in listing.notes[0] and "data.source.group_column (lesion)" in listing.notes[0]


def test_a_name_that_cannot_be_stored_or_shown_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / b"a\xff.jpg".decode("utf-8", "surrogateescape")).touch()
    (problem,) = FolderSource(tmp_path).listing().problems
    assert "UTF-8" in problem.problem


def test_a_label_of_a_folder_and_of_a_column_is_refused(tmp_path: Path) -> None:
    touched(tmp_path, "mel/1.jpg", "masks/1.png")
    with pytest.raises(ValueError, match="labels mel are folders of classes"):
        notes(tmp_path, "{class}/{id}.jpg", {"mel": "masks/{id}.png"}, from_masks=["mel"])
