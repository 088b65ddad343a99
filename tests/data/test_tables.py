"""Tables that people write: read strictly, in every usual form of a CSV file, or refused in one line."""

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from dermoscopy.data.tables import MISSING, counted, few, folded, is_missing, number, read_table
from dermoscopy.machine.messages import typed

ROWS = [["a", "1"], ["b", "0"]]


@pytest.fixture
def read(tmp_path):
    """Reader of the columns id and x of a table with the given content."""

    def run(content, columns=("id", "x")):
        file = tmp_path / "my table.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(file, "data.source.csv", dict.fromkeys(columns, "data.source.id_column"))

    return run


@pytest.mark.parametrize(
    "content",
    [
        "id,x\na,1\nb,0\n",
        "\ufeffid,x\na,1\nb,0",
        " id , x \n a , 1\nb\u00a0,0\n",
        "id;x\na;1\nb;0\n",
        "id\tx\na\t1\nb\t0\n",
        '"id","x"\n"a","1"\nb, "0"\n',
        b"id,x\r\na,1\rb,0\n",
        "\n,\nid,x\n,\na,1\n  \nb,0\n\n",
        "id,x,\na,1,\nb,0,,,\n",
    ],
    ids=["plain", "mark", "blanks", "semicolons", "tabs", "quotes", "line ends", "blank lines", "empty columns"],
)
def test_every_usual_form_of_a_table_is_read_alike(read, content):
    assert read(content)[["id", "x"]].to_numpy().tolist() == ROWS


def test_rows_are_numbered_by_their_line(read):
    assert read("id,x\na,1\n\nb,0\n").index.tolist() == [2, 4]


def test_texts_are_composed_and_a_decimal_comma_needs_semicolons(read):
    table = read("id;x\ne\u0301;0,5\n")
    assert table.to_numpy().tolist() == [["\u00e9", "0,5"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        (",,\n,\n", "has no column id"),
        ("id,x\n", "no row under its header id, x"),
        ("name,x\na,1\n", "has no column id; it has name, x: correct data.source.id_column"),
        ("ID,x\na,1\n", r"no column id; .*; did you mean ID\?"),
        ("id,x,x\na,1,0\n", "2 columns x"),
        ("id,x\na,1\nb,0,2\n", "line 3: 3 of 2 fields"),
        ("id,x\na,1\nb\n", "line 3: 1 of 2 fields"),
        ("id,x\n0,a,1\n1,b,0\n", "line 2: 3 of 2 fields"),
        ('id,x\na,"1\nb,0\n', "line 3: .* quotes"),
        ("id,x\nä,1\n".encode("latin-1"), "line 2, is not in UTF-8: type iconv -f WINDOWS-1252 -t UTF-8"),
        ("id,x\na,1\n".encode("utf-16"), "is not in UTF-8: type iconv -f UTF-16 -t UTF-8"),
        ("id,x\na,1\n".encode("utf-16-le"), "is no text"),
        (b"PK\x03\x04rest", "an Excel or zip file .* data.source.csv=FILE"),
        (b"\xd0\xcf\x11\xe0\xa1", "an Excel file"),
        (b"\x1f\x8b\x08", "a gzip file"),
        ("<!DOCTYPE html><html>", "a web page"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(read, content, message):
    with pytest.raises(ValueError, match=message) as raised:
        read(content)
    assert "my table.csv" in str(raised.value) and "\n" not in str(raised.value)


def test_a_file_that_is_not_there_or_a_folder_is_refused_with_its_setting(tmp_path: Path):
    for path, word in ((tmp_path / "no.csv", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(FileNotFoundError, match=f"{word}: correct split.file"):
            read_table(path, "split.file", {"id": "split.file"})


def test_missing_values_are_words_of_every_program_in_any_case():
    words = ["", "NA", "N/A", "nan", "NaN", "None", "null", "NULL", "unknown", "Unknown", "-", "?", "#N/A", "<NA>", "."]
    assert all(map(is_missing, words)) and all(word == word.casefold() for word in MISSING)
    assert not any(map(is_missing, ["0", "no", "negative", "none of the others", "unk", "mel", "_"]))


def test_numbers_are_read_in_every_spelling():
    assert [number(text) for text in ("0", "1.00", "0,0", "1e0", "-1", "0.7")] == [0, 1, 0, 1, -1, 0.7]
    assert [number(text) for text in ("", "mel", "nan", "inf", "1_0", "1,0,0")] == [None] * 6


def test_texts_that_only_look_different_are_folded_together():
    assert folded("Mel  ") == folded("mel") != folded("nv")
    assert folded("1") == folded("1.0") == folded("1,00") != folded("2")


def test_long_lists_are_cut_and_counted():
    assert few("abc") == "a, b, c" and few("abcd", 2) == "a, b and 2 more"
    assert counted(["nv", "", "nv", "mel"]) == "nv (2), empty (1), mel (1)"


@pytest.mark.parametrize(
    ("value", "text"), [("a_1/b.csv", "k=a_1/b.csv"), ("a b", "'k=\"a b\"'"), ('a"b', '\'k="a\\"b"\'')]
)
def test_an_override_can_be_typed_as_it_is_shown(value, text):
    assert typed("k", value) == text


def test_a_list_of_names_is_typed_so_that_hydra_reads_the_names():
    names = ["mel", "1", "true", "a=b", "c, d", "[x]", "{y}", 'q"', "back\\slash", "Null", "nan", "1e3", "é", "it's"]
    (word,) = shlex.split(typed("data.labels", names))
    assert OverridesParser.create().parse_overrides([word])[0].value() == names
