"""Sources in folders and the problems of their layout."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dermoscopy.data.raw.sources import FolderSource


def put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)


def faults(source: FolderSource) -> list[str]:
    return [f"{problem.file}: {problem.problem}" for problem in source.listing().problems]


def test_images_and_masks_are_paired_by_id_in_the_order_of_ids(tmp_path: Path) -> None:
    put(tmp_path, "images/b.jpg", "images/a.jpg", "masks/a_lesion.png", "masks/b_lesion.png", "masks/c_lesion.png")
    listing = FolderSource(tmp_path, masks={"lesion": "masks/{id}_lesion.png"}).listing()
    assert [item.id for item in listing.items] == ["a", "b"] == [item.group for item in listing.items]
    assert listing.items[0].masks == ((tmp_path / "masks/a_lesion.png",),)
    assert not listing.problems


def test_masks_that_lie_among_the_images_are_not_images(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "a_mask.png", "sub/b.png", "sub/b_mask.png")
    listing = FolderSource(tmp_path, "**/{id}.png", {"lesion": "**/{id}_mask.png"}).listing()
    assert [item.id for item in listing.items] == ["a", "b"]
    assert not listing.problems


def test_any_image_suffix_matches_and_other_files_are_ignored(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg", "images/b.PNG", "images/c.tif", "images/.hidden.png")
    (tmp_path / "images/notes.txt").touch()
    assert [item.id for item in FolderSource(tmp_path, "images/{id}.*").listing().items] == ["a", "b", "c"]


def test_a_pattern_may_hold_the_id_twice_and_brackets(tmp_path: Path) -> None:
    put(tmp_path, "set [1]/a/a.png", "set [1]/b/a.png", "set [1]/b/b.png")
    assert [item.id for item in FolderSource(tmp_path, "set [1]/{id}/{id}.png").listing().items] == ["a", "b"]


def test_folders_of_classes_become_labels(tmp_path: Path) -> None:
    put(tmp_path, "nevus/1.jpg", "melanoma/1.jpg", "nevus/2.jpg", "masks/melanoma/1.png")
    masks = {"lesion": "masks/{class}/{id}.png"}
    source = FolderSource(tmp_path, "{class}/{id}.jpg", masks, missing_masks="allow")
    listing = source.listing()
    assert source.label_names == ("melanoma", "nevus")
    assert [(item.id, item.labels) for item in listing.items] == [
        ("melanoma/1", (1, 0)),
        ("nevus/1", (0, 1)),
        ("nevus/2", (0, 1)),
    ]
    assert [item.masks[0] is None for item in listing.items] == [False, True, True]


def test_a_folder_of_images_of_unknown_class_is_no_class(tmp_path: Path) -> None:
    put(tmp_path, "nevus/1.jpg", "melanoma/2.jpg", "unknown/3.jpg")
    listing = FolderSource(tmp_path, "{class}/{id}.jpg").listing()
    assert listing.label_names == ("melanoma", "nevus")
    assert {item.id: item.labels for item in listing.items}["unknown/3"] == (-1, -1)
    assert any(note.startswith("unknown: 1 of 3 images") for note in listing.notes)


def test_what_is_said_of_the_table_and_of_same_is_in_the_listing(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg", "images/b.jpg")
    (tmp_path / "labels.csv").write_text("image_id,sick\na,1\nb,NA\nc,0\n")
    notes = FolderSource(tmp_path, csv="labels.csv", columns={"sick": "sick"}, same=[["a", "z"]]).listing().notes
    assert [note.partition(":")[0] for note in notes] == ["labels.csv", "sick", "data.source.same"]


def test_labels_and_groups_come_from_columns(tmp_path: Path) -> None:
    put(tmp_path, *(f"images/{name}.jpg" for name in "abcd"))
    text = "\ufeffimage_id,dx,malignant,lesion\na,mel,1,x\nb,nv,0.0,x\nc,,,\nd,bcc,True,y\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    columns = {"malignant": "malignant", "melanoma": "dx=mel", "cancer": "dx=mel|bcc"}
    source = FolderSource(tmp_path, csv="labels.csv", group_column="lesion", columns=columns)
    items = source.listing().items
    assert source.label_names == ("malignant", "melanoma", "cancer")
    assert [item.labels for item in items] == [(1, 1, 1), (0, 0, 0), (-1, -1, -1), (1, 0, 1)]
    assert [item.group for item in items] == ["x", "x", "c", "y"]


@pytest.fixture
def grouped(tmp_path: Path) -> Callable[[Sequence[Sequence[str]]], list[str]]:
    """Function from lists of same lesions to the groups of images a to g; in the table a and b share one."""
    put(tmp_path, *(f"images/{name}.jpg" for name in "abcdefg"))
    (tmp_path / "labels.csv").write_text("image_id,group\na,x\nb,x\nc,y\nd,z\ne,\nf,\ng,\n")

    def groups(same: Sequence[Sequence[str]]) -> list[str]:
        source = FolderSource(tmp_path, csv="labels.csv", group_column="group", same=same)
        return [item.group for item in source.listing().items]

    return groups


def test_groups_that_share_a_lesion_are_merged_and_no_other_changes(grouped) -> None:
    assert grouped([]) == ["x", "x", "y", "z", "e", "f", "g"]
    assert grouped([["a", "c"]]) == ["x", "x", "x", "z", "e", "f", "g"]
    assert grouped([["c", "d"], ["g", "f"]]) == ["x", "x", "y", "y", "e", "f", "f"]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]])
def test_groups_are_merged_transitively_in_any_order_of_the_lists(grouped, order: list[int]) -> None:
    same = [["b", "c"], ["d", "e"], ["f", "g"], ["c", "e", "d"]]
    assert grouped([same[number][::-1] for number in order]) == ["e", "e", "e", "e", "e", "f", "f"]


@pytest.mark.parametrize("rule", ["dx=mell", "dx=mel|mell", "dx = mell", "dx=melanoma"])
def test_a_misspelt_class_is_refused_with_the_nearest_one(tmp_path: Path, rule: str) -> None:
    put(tmp_path, "images/a.jpg")
    (tmp_path / "labels.csv").write_text("image_id,dx\na,mel\nb,nv\n")
    source = FolderSource(tmp_path, csv="labels.csv", columns={"melanoma": rule.replace(" = ", "=")})
    with pytest.raises(ValueError, match=r"melanoma is dx=.*, but no row of .* has dx .*; did you mean mel\?"):
        source.listing()


def test_an_absent_class_has_no_images_and_spaces_do_not_matter(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg", "images/b.jpg")
    (tmp_path / "labels.csv").write_text("image_id,dx\na,mel\nb, nv\n")
    columns = {"cancer": "dx=mel | bcc", "nevus": "dx= nv"}
    source = FolderSource(tmp_path, csv="labels.csv", columns=columns)
    assert [item.labels for item in source.listing().items] == [(1, 0), (0, 1)]


def test_some_images_of_a_lesion_may_be_missing(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg", "images/b.jpg")
    listing = FolderSource(tmp_path, same=[["b", "c"], ["d", "e"]]).listing()
    assert [item.group for item in listing.items] == ["a", "b"]


def test_every_fault_of_every_image_is_reported(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg", "images/a.png", "images/b.png", "images/c.png", "images/d.png", "images/e.png")
    put(tmp_path, *(f"masks/{name}.png" for name in "abcd"), "masks/d.tif")
    (tmp_path / "labels.csv").write_text("image_id,dx,sick\na,mel,0\nc,nv,nv\nc,mel,0\nd,nv,0\ne,nv,1\n")
    columns = {"sick": "sick"}
    source = FolderSource(tmp_path, "images/{id}.*", {"lesion": "masks/{id}.*"}, "labels.csv", columns=columns)
    assert faults(source) == [
        "images/a.jpg: 2 images have the id a (a.jpg, a.png)",
        "images/b.png: no row b in labels.csv",
        "images/c.png: 2 rows c in labels.csv, which differ in sick",
        "images/c.png: sick is nv in labels.csv, neither 0 nor 1",
        "images/d.png: 2 files for mask lesion (d.png, d.tif)",
        "images/e.png: no mask lesion",
    ]
    assert not source.listing().items


def test_a_missing_mask_can_be_allowed(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg")
    stop = FolderSource(tmp_path, masks={"lesion": "masks/{id}.png"})
    assert stop.listing().problems[0].remedy == "add masks/a.png, or set data.source.missing_masks=allow"
    allow = FolderSource(tmp_path, masks={"lesion": "masks/{id}.png"}, missing_masks="allow")
    assert allow.listing().items[0].masks == (None,)


def test_a_problem_of_the_source_itself_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere is not a folder: .* data.raw=DIR"):
        FolderSource(tmp_path / "nowhere").listing()
    put(tmp_path, "pictures/a.jpg")
    with pytest.raises(ValueError, match=r"no image matches images/\{id\}.jpg in .*, which holds pictures"):
        FolderSource(tmp_path).listing()
    with pytest.raises(FileNotFoundError, match=r"labels.csv does not exist: .* data.source.csv=null"):
        FolderSource(tmp_path, "pictures/{id}.jpg", csv="labels.csv").listing()
    (tmp_path / "labels.csv").write_text("image,dx\na,mel\n")
    with pytest.raises(ValueError, match=r"has no column image_id, sex; it has image, dx"):
        FolderSource(tmp_path, "pictures/{id}.jpg", csv="labels.csv", columns={"f": "sex=f"}).listing()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": "images/*.jpg"}, "images must hold"),
        ({"masks": {"lesion": "masks"}}, "masks.lesion must hold"),
        (
            {"from_masks": ["streaks"], "masks": {"lesion": "{id}.png"}},
            "names streaks, but the masks are lesion",
        ),
        ({"missing_masks": "maybe"}, "missing_masks must be stop or allow, got maybe"),
        ({"images": "/photos/{id}.jpg"}, r"images must be relative .*data.raw.*, got /photos"),
        ({"masks": {"lesion": None}}, "masks.lesion must hold"),
        ({"same": [["a", "b"], ["c"]]}, r"same must hold lists of two ids or more, .* got \['c'\]"),
        ({"same": [["a", "a"]]}, "same must hold lists of two ids or more"),
        ({"same": ["ab", "cd"]}, "same must hold lists of two ids or more, .* got ab"),
    ],
)
def test_contradictory_arguments_are_refused_at_once(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FolderSource("anywhere", **arguments)  # type: ignore[arg-type]


def test_names_of_labels_and_masks_are_texts() -> None:
    source = FolderSource("raw", masks={1: "masks/{id}.png"}, csv="t.csv", columns={2: "dx=mel"})  # type: ignore[dict-item]
    assert (source.mask_names, [*source.used_columns]) == (("1",), ["2"])
    for setting in ({"columns": {True: "dx"}}, {"masks": {1.5: "{id}.png"}}):
        with pytest.raises(ValueError, match=r"(columns has the name True|masks has the name 1\.5), .* in quotes"):
            FolderSource("raw", **setting)  # type: ignore[arg-type]


def test_masks_of_the_same_files_and_masks_that_take_all_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"masks\.b has the same files as masks\.a, masks/\{id\}\.png"):
        FolderSource("raw", masks={"a": "masks/{id}.png", "b": "masks/{id}.png"})
    put(tmp_path, "images/a.png")
    with pytest.raises(
        ValueError, match=r"data\.source\.masks take all files of data\.source\.images, images/\{id\}\.\*"
    ):
        FolderSource(tmp_path, "images/{id}.*", {"lesion": "images/{id}.png"}).listing()


def test_images_of_one_id_are_found_apart(tmp_path: Path) -> None:
    put(tmp_path, "one/a.png", "two/a.png", "one/e\u0301.png", "one/\u00e9.png")
    found = faults(FolderSource(tmp_path, "**/{id}.png"))
    assert found[0].endswith("2 images have the id a (one/a.png, two/a.png)")
    assert "2 images have the id \u00e9" in found[1] and found[1].endswith("in two Unicode forms)")


def test_folders_of_classes_that_look_alike_are_named(tmp_path: Path) -> None:
    put(tmp_path, "Mel/a.png", "mel/b.png", "nv /c.png", "nv/d.png", "bcc/e.png")
    (line,) = FolderSource(tmp_path, "{class}/{id}.png").listing().notes
    assert "look alike" in line and line.endswith(": Mel and mel, nv and 'nv '")
