"""A table of labels and its images are brought together; what does not meet is named and counted."""

import pytest

from dermoscopy.data.raw.labels import UNKNOWN, Asked, LabelTable, read_labels


@pytest.fixture
def read(tmp_path):
    """Reader of the labels of images from a table with the given text."""

    def run(text, columns, images, group=None):
        (tmp_path / "t.csv").write_text(text)
        return read_labels(tmp_path, "t.csv", Asked("id", [group] if group else [], columns), images)

    return run


def problems(table, id):
    return [problem for problem, _ in table.row(id).faults]


def test_labels_and_groups_are_those_of_the_table(read):
    table = read("id,g,dx\nx,7,mel\ny,,nv\nz,8,\n", {"mel": "dx=mel"}, ["x", "y", "z"], "g")
    assert [table.row(id)[:2] for id in "xyz"] == [((1,), ("7",)), ((0,), ("",)), ((UNKNOWN,), ("8",))]


def test_without_a_table_there_are_no_labels(tmp_path):
    table = read_labels(tmp_path, None, Asked("id"), ["x"])
    assert table == LabelTable() and table.row("x") == ((), (), (), ())


@pytest.mark.parametrize("word", ["NA", "nan", "NaN", "None", "null", "", "unknown", "-", "?", "N/A"])
def test_missing_values_are_unknown_in_every_kind_of_column_and_counted(read, word):
    text = f"id,g,dx,sick\na,{word},mel,1\nb,{word},nv,0\nc,7,{word},{word}\n"
    table = read(text, {"sick": "sick", "mel": "dx=mel", "nv": "dx=nv"}, ["a", "b", "c"], "g")
    assert [table.row(id).labels for id in "abc"] == [(1, 1, 0), (0, 0, 1), (UNKNOWN,) * 3]
    assert [table.row(id).groups for id in "abc"] == [("",), ("",), ("7",)]
    assert table.notes == (
        f"sick, mel, nv: 1 of 3 unknown: {word or 'empty'} (1)",
        f"g: 2 of 3 unknown, each in a group of its own: {word or 'empty'} (2)",
    )


def test_invalid_and_missing_rows_are_problems_of_their_images(read):
    table = read("id,a\nx,maybe\ny,1\nv,0\n", {"a": "a"}, ["v", "x", "y", "z"])
    assert problems(table, "x") == ["a is maybe in t.csv, neither 0 nor 1"]
    assert problems(table, "z") == ["no row z in t.csv"]
    assert not problems(table, "y")


def test_repeated_rows_say_whether_they_agree(read):
    text = "id,g,a\nx,1,1\nx,1,1\ny,1,0\ny,1,1\ny,2,NA\nz,1,0\n"
    table = read(text, {"a": "a"}, ["x", "y", "z"], "g")
    assert problems(table, "x") == ["2 rows x in t.csv, all with the same labels"]
    assert problems(table, "y") == ["3 rows y in t.csv, which differ in a, g"]


@pytest.mark.parametrize(
    ("written", "images"),
    [
        ("1 2", "0001 0002"),
        ("l000 l001", "L000 L001"),
        ("L000_downsampled L001_downsampled", "L000 L001"),
    ],
)
def test_ids_that_are_written_differently_are_one_line_with_what_the_table_has(read, written, images):
    (first, second), (image, _) = written.split(), images.split()
    with pytest.raises(ValueError, match="2 of 2 images have no row in .*t.csv") as raised:
        read(f"id,a\n{first},1\n{second},0\n", {"a": "a"}, images.split())
    assert f"{first} where the image is {image}" in str(raised.value)
    assert f"{image} instead of {first}" in str(raised.value)


def test_another_column_that_has_the_ids_is_named(read):
    with pytest.raises(ValueError, match="their names are in its column file, data.source.id_column=file"):
        read("id,file,a\n1,x,1\n2,y,0\n", {"a": "a"}, ["x", "y"])


def test_ids_of_other_images_are_one_line_too(read):
    with pytest.raises(ValueError, match=r"its column id has B1, B2, the images are A1, A2: .* data.source.id_column="):
        read("id,a\nB1,1\nB2,0\n", {"a": "a"}, ["A1", "A2"])


def test_one_id_that_is_written_differently_is_a_problem_with_its_remedy(read):
    table = read("id,a\nx,1\nY,0\nz,0\n", {"a": "a"}, ["x", "y", "z"])
    assert table.row("y").faults == (("no row y in t.csv", "write it there instead of Y"),)


def test_rows_without_an_image_or_an_id_are_counted_and_named(read):
    table = read("id,a\nx,1\nu,1\nv,0\n,0\nNA,1\n", {"a": "a"}, ["x"])
    assert table.notes == ("t.csv: 2 of 5 rows have no id (line 5, 6)", "t.csv: 2 of 5 rows have no image (u, v)")


def test_an_image_may_be_called_na(read):
    assert read("id,a\nNA,1\nx,0\n", {"a": "a"}, ["NA", "x"]).row("NA").labels == (1,)


def test_blanks_and_the_unicode_form_of_an_id_do_not_matter(read):
    table = read("id,a\n \u00e9 ,1\n", {"a": "a"}, ["e\u0301"])
    assert table.row("e\u0301").labels == (1,) and not table.notes


def test_rows_may_name_the_class_and_must_where_two_images_share_a_name(read):
    images = ["mel/1", "nv/1", "nv/2", "nv/3", "nv/4"]
    table = read("id,g\n1,a\n2,b\nnv/3,c\n4,d\n", {}, images, "g")
    assert [table.row(id).groups for id in images[2:]] == [("b",), ("c",), ("d",)]
    assert table.row("nv/1").faults == (("2 images have the row 1 of t.csv", "write nv/1 there"),)
    assert problems(table, "mel/1") and not problems(table, "nv/2")


def test_missing_columns_are_named_each_with_its_setting(read):
    with pytest.raises(ValueError, match=r"t.csv has no column b; it has id, a: correct data.source.columns.c"):
        read("id,a\nx,1\n", {"a": "a", "c": "b"}, ["x"])
    with pytest.raises(ValueError, match=r"no column g; .* data.source.group_column"):
        read("id,a\nx,1\n", {"a": "a"}, ["x"], "g")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": ["a"]}, "data.source.columns must name the labels"),
        ({"columns": {"a": None}}, "data.source.columns.a is null"),
        ({"csv": []}, r"data.source.csv=\[\] names no file"),
        ({"csv": ["u.csv"]}, "u.csv does not exist: correct data.source.csv"),
        ({"csv": ""}, "is a folder: correct data.source.csv"),
        ({"id_column": None}, "correct data.source.id_column"),
        ({"group_columns": ["b"]}, "correct data.source.group_column"),
        ({"group_columns": ["b", "c"]}, "has none of the columns b, c: correct data.source.group_column"),
    ],
)
def test_settings_of_a_wrong_kind_are_refused_by_name(tmp_path, arguments, message):
    (tmp_path / "t.csv").write_text("id,a\nx,1\n")
    given = {"id_column": "id", "columns": {"a": "a"}} | arguments
    csv = given.pop("csv", "t.csv")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_labels(tmp_path, csv, Asked(**given), ["x"])


def test_a_column_of_something_else_is_refused_at_once(read):
    with pytest.raises(ValueError, match="a is the column dx of"):
        read("id,dx\nx,mel\ny,nv\n", {"a": "dx"}, ["x", "y"])
