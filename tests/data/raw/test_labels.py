"""Labels and groups from a table: each cell is 0, 1, unknown or a problem."""

import pytest

from dermoscopy.data.raw.labels import UNKNOWN, LabelTable, read_labels


@pytest.fixture
def read(tmp_path):
    """Reader of labels from a table with the given text."""

    def run(text, columns, group=None):
        (tmp_path / "t.csv").write_text(text)
        return read_labels(tmp_path, "t.csv", "id", group, columns)

    return run


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("1.0", 1), ("Yes", 1), (" true", 1), ("0", 0), ("no", 0), ("", UNKNOWN)]
)
def test_a_column_of_truth_values_is_read_in_any_usual_spelling(read, text, value):
    assert read(f"id,sick\nx,{text}\n", {"sick": "sick"}).row("x") == (value,)


def test_values_are_compared_with_the_positive_ones(read):
    table = read("id,dx\na,mel\nb,nv\nc,\nd,bkl\n", {"pigmented": "dx=mel | nv"})
    assert [table.row(id) for id in "abcd"] == [(1,), (1,), (UNKNOWN,), (0,)]


def test_groups_are_those_of_the_table_and_empty_without_one(read):
    assert read("id,g,a\nx,7,1\n", {"a": "a"}, "g").group("x") == "7"
    assert read("id,g,a\nx,7,1\n", {"a": "a"}).group("x") == "" == LabelTable().group("x")


def test_invalid_repeated_and_missing_labels_are_problems(read):
    table = read("id,a\nx,maybe\ny,1\ny,1\n", {"a": "a"})
    assert [problem for problem, _ in table.faults("x")] == ["a is maybe in t.csv, neither 0 nor 1"]
    assert [problem for problem, _ in table.faults("y")] == ["more than one row y in t.csv"]
    assert [problem for problem, _ in table.faults("z")] == ["no row z in t.csv"]
    assert LabelTable().faults("z") == []


def test_a_missing_column_is_named(read):
    with pytest.raises(ValueError, match="t.csv has no column b; it has id, a"):
        read("id,a\nx,1\n", {"b": "b"})
