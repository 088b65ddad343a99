"""Tables of labels in several files, spreadsheets and unusual forms are one table, or refused in one line."""

from pathlib import Path

import openpyxl
import pytest

from dermoscopy.data.raw.asked import Asked
from dermoscopy.data.raw.label_files import LabelFile
from dermoscopy.data.raw.labels import LabelTable, read_labels


@pytest.fixture
def read(tmp_path: Path):
    """Reader of the labels of images x, y and z from files with the given contents, by name."""

    def run(files: dict[str, str], csv: object, images: str = "x y z", **asked: object) -> LabelTable:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return read_labels(tmp_path, csv, Asked(**{"id_column": "id", "columns": {"a": "a"}, **asked}), images.split())

    return run


def problems(table: LabelTable, id: str) -> list[str]:
    return [problem for problem, _ in table.row(id).faults]


def labels(table: LabelTable) -> list[int]:
    return [table.row(id).labels[0] for id in "xyz"]


ROWS = {"one.csv": "id,a\nx,1\ny,0\nz,1\n"}


def test_files_about_the_same_images_are_joined_and_may_name_their_ids_otherwise(read):
    files = ROWS | {"two.csv": "name;g;age\nz;7;50\nx;7;\nu;8;1\n"}
    csv = ["one.csv", {"file": "two.csv", "id_column": "name"}]
    table = read(files, csv, group_columns=["g"], metadata={"age": "age", "sex": "sex"})
    assert labels(table) == [1, 0, 1]
    assert [table.row(id).groups for id in "xyz"] == [("7",), ("",), ("7",)]
    assert [table.row(id).metadata for id in "xyz"] == [("",), ("",), ("50",)]
    assert table.metadata == ("age",)
    assert "one.csv, two.csv: 1 of 4 rows have no image (u)" in table.notes
    assert "one.csv, two.csv: no column of the metadata sex (sex)" in table.notes
    assert not any(problems(table, id) for id in "xyz")


def test_files_about_different_images_are_one_table_by_a_pattern_or_a_list(read):
    files = {"a_train.csv": "id,a\nx,1\n", "a_test.csv": "id,a\ny,0\nz,1\n", "b.csv": "id,a\nx,0\n"}
    assert labels(read(files, "a_*.csv")) == labels(read(files, ["a_train.csv", "a_test.csv"])) == [1, 0, 1]


def test_the_first_of_several_names_that_exists_is_read(read):
    assert labels(read(ROWS, "new.csv|one.csv|old.csv")) == [1, 0, 1]
    with pytest.raises(FileNotFoundError, match=r"new.csv\|old.csv does not exist: correct data.source.csv"):
        read({}, "new.csv|old.csv")


def test_what_files_say_differently_of_an_image_is_its_problem(read):
    files = ROWS | {
        "two.csv": "id,a,sex\nx,1.0,male\ny,1,male\nz,,female\n",
        "three.csv": "id,sex\nx,female\nz,female\n",
    }
    table = read(files, ["one.csv", "two.csv", "three.csv"], metadata={"sex": "sex"})
    assert problems(table, "x") == ["sex is male in two.csv and female in three.csv"]  # 1 and 1.0 are the same
    assert problems(table, "y") == ["a is 0 in one.csv and 1 in two.csv"]
    assert problems(table, "z") == []


def test_rows_that_one_file_has_twice_or_that_no_file_has_are_problems(read):
    files = {"one.csv": "id,a\nx,1\nx,0\n,1\n", "two.csv": "id,sex\nx,male\nz,male\n"}
    table = read(files, ["one.csv", "two.csv"])
    assert problems(table, "x") == ["2 rows x in one.csv, two.csv, which differ in a"]
    assert problems(table, "y") == ["no row y in one.csv, two.csv"]
    assert table.row("z").labels == (-1,) and not problems(table, "z")
    assert "one.csv: 1 of 3 rows have no id (line 4)" in table.notes


def test_a_file_without_header_of_another_separator_or_encoding_is_read_as_it_is_described(read, tmp_path):
    assert labels(read({"t.txt": "x|1\ny|0\nz|1"}, {"file": "t.txt", "header": ["id", "a"], "separator": "|"})) == [
        1,
        0,
        1,
    ]
    (tmp_path / "t.csv").write_bytes("id,a,ort\nx,1,Füße\ny,0,\nz,1,\n".encode("latin-1"))
    table = read({}, {"file": "t.csv", "encoding": "latin-1"}, metadata={"site": "ort"})
    assert table.row("x").metadata == ("Füße",)
    with pytest.raises(ValueError, match="t.csv, line 2, is not in ascii: correct its encoding"):
        read({}, {"file": "t.csv", "encoding": "ascii"})
    with pytest.raises(ValueError, match="latin-17 is no encoding that Python knows, .*t.csv"):
        read({}, {"file": "t.csv", "encoding": "latin-17"})


def test_an_empty_cell_means_what_the_file_is_said_to_mean(read):
    files = {"one.csv": "id,m\nx,X\ny,\nz,X\n"}
    assert labels(read(files, "one.csv", columns={"a": "m=X"})) == [1, -1, 1]
    assert labels(read(files, {"file": "one.csv", "empty": "no"}, columns={"a": "m=X"})) == [1, 0, 1]


def book(path: Path, **sheets: list[list[object]]) -> None:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)


def test_a_spreadsheet_may_have_its_header_below_a_legend_and_names_its_sheet(read, tmp_path):
    rows: list[list[object]] = [["Legend", "X: yes"], [], ["id", "a\n(0/1)"], ["x", 1], ["y", 0.0], ["z", True]]
    book(tmp_path / "t.xlsx", Data=rows)
    assert labels(read({}, "t.xlsx", columns={"a": "a (0/1)"})) == [1, 0, 1]
    book(tmp_path / "t.xlsx", Data=rows, Other=[["id"], ["x"]])
    with pytest.raises(ValueError, match=r"t.xlsx has 2 sheets, Data, Other: name one, sheet: NAME beside file"):
        read({}, "t.xlsx")
    with pytest.raises(ValueError, match=r"t.xlsx has no sheet 'Dat'; it has Data, Other; did you mean Data\?"):
        read({}, {"file": "t.xlsx", "sheet": "Dat"})
    chosen = {"file": "t.xlsx", "sheet": "Data"}
    assert labels(read({}, chosen, columns={"a": "a (0/1)"})) == [1, 0, 1]
    with pytest.raises(ValueError, match=r"one.csv is no Excel file, so it has no sheet Data: leave sheet out"):
        read(ROWS, {"file": "one.csv", "sheet": "Data"})


@pytest.mark.parametrize(
    ("written", "images"),
    [
        ("L0.jpg L1.JPG", "L0 L1"),
        ("images/L0.jpg images/L1.jpg", "L0 L1"),
        ("A\\L0.jpg B\\L1.jpg", "L0 L1"),
        ("FCl/l0.jpg FCl/L1.jpg", "L0 L1"),
        ("1.0 2.0", "1 2"),
    ],
)
def test_ids_that_are_paths_or_have_a_suffix_are_read_by_their_names(read, written, images):
    (first, second), (one, two) = written.split(), images.split()
    table = read({"t.csv": f"id,a\n{first},1\n{second},0\n"}, "t.csv", images)
    assert [table.row(one).labels, table.row(two).labels] == [(1,), (0,)]
    assert f"t.csv: its ids are read by their names, {first} as {one}" in table.notes


def test_paths_to_two_images_of_one_name_are_not_read_by_it(read):
    with pytest.raises(ValueError, match="images have no row in"):
        read({"t.csv": "id,a\nu/x.jpg,1\nv/x.jpg,0\n"}, "t.csv", "x y z")


def test_a_rule_of_several_columns_is_yes_where_all_are_and_no_where_one_is_not(read):
    files = {"t.csv": "id,m,s\nx,0,0\ny,1,\nz,0,\n"}
    assert labels(read(files, "t.csv", columns={"nevus": "m=0 & s=0"})) == [1, 0, -1]
    with pytest.raises(ValueError, match=r"has no column k; .*correct data.source.columns.nevus"):
        read(files, "t.csv", columns={"nevus": "m=0 & k=0"})


def test_images_that_do_not_meet_a_rule_or_have_no_row_are_left_out_and_counted(read):
    files = {"t.csv": "id,a,kind\nx,1,skin\ny,0,nail\n"}
    table = read(files, "t.csv", where=["kind=skin"], skip=True)
    assert table.left_out == {"y", "z"}
    assert "left out, no row in t.csv: 1 of 3 images (z)" in table.notes
    assert "left out, not kind=skin: 1 of 3 images: nail (1)" in table.notes
    assert problems(read(files, "t.csv", where=["kind=skin"]), "z") == ["no row z in t.csv"]
    with pytest.raises(ValueError, match=r"no row of .*t.csv has kind 'Skin'; did you mean skin\?"):
        read(files, "t.csv", where=["kind=Skin"])
    with pytest.raises(ValueError, match="data.source.where is kind=: name a column"):
        read(files, "t.csv", where=["kind="])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"fil": "t.csv"}, r"data.source.csv has the key fil; it takes file, .*did you mean file\?"),
        ({"sheet": "A"}, "data.source.csv lacks the name of a file: give it as file, beside sheet"),
        ({"file": "t.csv", "header": "id,a"}, "header of t.csv must list the names of its columns, got id,a"),
    ],
)
def test_an_entry_of_another_kind_is_refused(entry, message):
    with pytest.raises(ValueError, match=message):
        LabelFile.parse(entry)
