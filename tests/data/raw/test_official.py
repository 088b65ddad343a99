"""The official split is read from a column, lists of ids or rows, or folders, and contradictions are refused."""

from pathlib import Path

import pytest

from dermoscopy.data.raw.official import Known, check_official, official_subsets


@pytest.fixture
def known(tmp_path: Path) -> Known:
    images = {id: tmp_path / folder / f"{id}.jpg" for id, folder in (("x", "Train_1"), ("y", "Test"), ("z", "Other"))}
    (tmp_path / "train.txt").write_text("x.jpg\nz\nnot_here\n")
    (tmp_path / "test.csv").write_text("image,more\ny,1\n")
    (tmp_path / "rows.csv").write_text("indexes\n0\n2\n")
    (tmp_path / "row.csv").write_text("1\n")
    return Known(tmp_path, images, {"x": "training", "y": "Test", "z": ""}, ["x", "y", "z"])


@pytest.mark.parametrize(
    ("official", "expected"),
    [
        ({"column": "set"}, "train,test,"),
        ({"folders": {"train": "Train_*", "test": "Test"}}, "train,test,"),
        ({"ids": {"train": "train.txt", "test": "test.csv"}}, "train,test,train"),
        ({"rows": {"train": "rows.csv", "test": "row.csv"}}, "train,test,train"),
    ],
)
def test_a_subset_of_each_image_is_read_in_four_ways(known, official, expected):
    check_official(official)
    subsets, notes = official_subsets(official, known)
    assert ",".join(subsets[id] for id in "xyz") == expected
    train, none = expected.count("train"), ", 1 in none" if expected.endswith(",") else ""
    assert notes == [f"official split: {train} train, 1 test{none} (split=official uses it)"]


def test_words_of_a_column_can_be_named(known):
    own = Known(known.root, known.images, {"x": "A", "y": "B", "z": "B"}, ())
    subsets, _ = official_subsets({"column": "set", "values": {"train": "A", "test": "B"}}, own)
    assert subsets == {"x": "train", "y": "test", "z": "test"}
    with pytest.raises(ValueError, match=r"set has B \(2\), no subset: name what stands for train, val and test"):
        official_subsets({"column": "set", "values": {"train": "A"}}, own)


def test_what_contradicts_itself_or_names_nothing_is_refused(known):
    with pytest.raises(ValueError, match=r"test.csv has y, which is also in train"):
        official_subsets({"ids": {"train": "test.csv", "test": "test.csv"}}, known)
    with pytest.raises(ValueError, match=r"folders: Train_1 matches train and test"):
        official_subsets({"folders": {"train": "T*", "test": "Tr*"}}, known)
    with pytest.raises(ValueError, match=r"puts no image into a subset"):
        official_subsets({"folders": {"train": "nowhere"}}, known)
    with pytest.raises(FileNotFoundError, match=r"no.txt does not exist: correct data.source.official.ids.train"):
        official_subsets({"ids": {"train": "no.txt"}}, known)
    (known.root / "row.csv").write_text("7\n")
    with pytest.raises(ValueError, match=r"row.csv has row 7, but the table has 3 rows"):
        official_subsets({"rows": {"train": "row.csv"}}, known)
    (known.root / "row.csv").write_text("indexes\n1.5\n")
    with pytest.raises(ValueError, match=r"row.csv has '1.5', but it must list the numbers of rows"):
        official_subsets({"rows": {"train": "row.csv"}}, known)


@pytest.mark.parametrize(
    ("official", "message"),
    [
        ({}, "must state the split by one of column, ids, rows, folders"),
        ("column", "must state the split by one of"),
        ({"colum": "set"}, r"has the key colum; .*did you mean column\?"),
        ({"column": "set", "ids": {"train": "x"}}, "in one way, got column and ids"),
        ({"values": {}}, "in one way, got none"),
        ({"ids": {"training": "x"}}, "official.ids must name subsets out of train, val, test"),
        ({"rows": "x.csv"}, "official.rows must name subsets"),
    ],
)
def test_settings_that_state_no_split_are_refused(official, message):
    with pytest.raises(ValueError, match=message):
        check_official(official)
