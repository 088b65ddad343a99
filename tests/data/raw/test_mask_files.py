"""A mask may have no file, one or several; what that means is said for each mask."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dermoscopy.data.raw.mask_files import MaskFiles, read_mask_files
from dermoscopy.data.raw.problems import UnusableFile
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.frame import place


def save(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def test_several_files_are_their_union_and_none_is_an_empty_mask(tmp_path: Path):
    left, right = np.zeros((8, 12)), np.zeros((8, 12))
    left[2:4, 1:5], right[3:6, 4:9] = 255, 1
    files = [save(tmp_path / "l.png", left), save(tmp_path / "r.png", right)]
    frame = place((8, 12), (8, 8), "pad")
    whole, present = read_mask_files(files, (8, 8), frame, False)
    single, _ = read_mask_files([save(tmp_path / "u.png", 255 * ((left + right) > 0))], (8, 8), frame, False)
    assert present and (whole == single).all()
    empty, present = read_mask_files([], (8, 8), frame, False)
    assert not present and set(np.unique(empty)) == {0, 255}
    assert ((empty == 255) == (whole == 255)).all()  # outside the image


def test_the_file_that_cannot_be_used_is_named(tmp_path: Path):
    good, bad = save(tmp_path / "a.png", np.zeros((8, 8))), tmp_path / "b.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(UnusableFile) as raised:
        read_mask_files([good, bad], (8, 8), place((8, 8), (8, 8), "pad"), False)
    assert raised.value.file == bad


def source(root: Path, **masks: object) -> FolderSource:
    return FolderSource(root, "images/{id}.png", masks)  # type: ignore[arg-type]


def test_each_mask_says_what_missing_and_several_files_mean(tmp_path: Path):
    for name in ("images/a.png", "images/b.png", "m/a_1.png", "m/a_2.png", "l/a.png"):
        save(tmp_path / name, np.zeros((8, 8)))
    joined = source(tmp_path, spots={"files": "m/{id}_*.png", "missing": "empty", "several": "join"}).listing()
    assert [len(item.masks[0] or ()) for item in joined.items] == [2, 0] and not joined.problems
    assert "images without a mask spots, which is empty there, of 2: 1: b" in joined.notes
    strict = source(tmp_path, spots="m/{id}_*.png").listing()
    assert [problem.problem for problem in strict.problems] == [
        "2 files for mask spots (a_1.png, a_2.png)",
        "no mask spots",
    ]
    allowed = source(tmp_path, lesion={"files": "l/{id}.png", "missing": "allow"}).listing()
    assert [item.masks[0] is None for item in allowed.items] == [False, True]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"file": "m/{id}.png"}, r"masks.m has the key file; it takes files, .*did you mean files\?"),
        ({"missing": "empty"}, "masks.m lacks the pattern of its files"),
        ({"files": "m/{id}.png", "several": "union"}, "masks.m.several must be stop or join, got union"),
        ({"files": "m/{id}.png", "missing": "skip"}, "masks.m.missing must be stop or allow or empty, got skip"),
        ({"files": "m.png"}, "masks.m must hold {id}"),
    ],
)
def test_an_entry_of_another_kind_is_refused(tmp_path: Path, entry, message):
    with pytest.raises(ValueError, match=message):
        source(tmp_path, m=entry)


def test_settings_of_all_masks_hold_where_a_mask_says_nothing_else():
    own = MaskFiles.parse("m", {"files": "{id}.png", "grey": "stop"}, "allow", "allow")
    assert (own.missing, own.grey, own.several) == ("allow", "stop", "stop")
