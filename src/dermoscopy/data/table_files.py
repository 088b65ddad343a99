"""Cells of a table that people write, as texts: a CSV file, or a sheet of an Excel file."""

import csv
import io
import itertools
import shlex
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dermoscopy.machine.messages import nearest, typed

SEPARATORS = ",;\t"
EXCEL = b"PK\x03\x04"  # first bytes of an xlsx file, which is a zip file
NO_TEXT = {  # first bytes of a file that is no text, and what it is
    b"\xd0\xcf\x11\xe0": "an Excel file of before 2007",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"SQLite": "a database",
}
AS_CSV = "save the table as CSV in UTF-8"
Line = tuple[int, list[str]]


class TableForm(NamedTuple):
    """How a table is written, where it does not say so itself.

    Attributes:
        header: names of the columns of a file that has no header.
        separator: between the cells of a CSV file; "": comma, semicolon or tab, whichever separates the header.
        encoding: of a CSV file.
        sheet: of an Excel file; "": the only one.
        empty: what an empty cell means, such as "no" where marks stand for yes; "": unknown.
    """

    header: tuple[str, ...] = ()
    separator: str = ""
    encoding: str = "utf-8"
    sheet: str = ""
    empty: str = ""


class Cells(NamedTuple):
    """Names of the columns of a table, its rows with the number of their line, and the separator of a CSV file.

    Rows are read while they are used, since a table can be larger than what is needed of it.
    """

    header: list[str]
    rows: Iterator[Line]
    separator: str


def plain(text: str) -> str:
    """Return a text without blanks around it, in the composed Unicode form, so that equal texts are equal."""
    return unicodedata.normalize("NFC", text.strip())


def read_cells(path: Path, key: str, wanted: Sequence[str], form: TableForm) -> Cells:
    """Read the cells of a table as texts.

    The header is the first row that is not blank or, in an Excel file, the first that has all wanted columns.

    Args:
        path: the file.
        key: setting that names the file, for messages.
        wanted: names of columns, by which a separator and the header are found.
        form: how the file is written.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no table, or not of the stated form.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}: correct {key}")
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(EXCEL):
        lines = _of_excel(path, key, form)
        below = [*itertools.dropwhile(lambda line: not {*wanted} <= {*line[1]}, lines)]
        rows, separator = iter(lines if form.header else below or lines), ""
    else:
        if form.sheet:
            raise ValueError(f"{path} is no Excel file, so it has no sheet {form.sheet}: leave sheet out")
        text = _text(path, key, form.encoding)
        separator = form.separator or _separator(text, wanted)
        if len(separator) != 1:
            raise ValueError(f"the separator of {path} must be one character, got {separator!r}")
        rows = _rows(path, text, separator)
    header = [*map(plain, form.header)] if form.header else next(rows, (0, []))[1]
    return Cells(header, rows, separator)


def _of_excel(path: Path, key: str, form: TableForm) -> list[Line]:
    """Return the rows of a sheet that are not blank."""
    import openpyxl  # noqa: PLC0415  (0.2 s, for the few tables that need it)

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (KeyError, zipfile.BadZipFile, openpyxl.utils.exceptions.InvalidFileException) as error:
        raise ValueError(
            f"{path} is an Excel or zip file that cannot be read: {AS_CSV}, and give that file, {key}=FILE"
        ) from error
    names = book.sheetnames
    if form.sheet and form.sheet not in names:
        raise ValueError(f"{path} has no sheet {form.sheet!r}; it has {', '.join(names)}{nearest(form.sheet, names)}")
    if len(names) > 1 and not form.sheet:
        raise ValueError(f"{path} has {len(names)} sheets, {', '.join(names)}: name one, sheet: NAME beside file")
    rows = book[form.sheet or names[0]].iter_rows(values_only=True)
    lines = [(number, [_cell(value) for value in row]) for number, row in enumerate(rows, 1)]
    book.close()
    return [(number, row) for number, row in lines if any(row)]


def _cell(value: object) -> str:
    """Return a cell of an Excel file as text on one line: 1.0 as 1, true and false as words, a time in ISO form."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return plain(" ".join(str(value).lower().split() if isinstance(value, bool) else str(value).split()))


def _text(path: Path, key: str, encoding: str) -> str:
    content = path.read_bytes()
    kind = next((kind for start, kind in NO_TEXT.items() if content.startswith(start)), None)
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    if kind or (b"\0" in content and not wide and "16" not in encoding):
        raise ValueError(f"{path} is {kind or 'no text'}, not a CSV file: {AS_CSV}, and give that file, {key}=FILE")
    utf8 = encoding.lower().replace("-", "").replace("_", "") == "utf8"
    try:
        text = content.decode("utf-8-sig" if utf8 else encoding)
    except LookupError as error:
        raise ValueError(
            f"{encoding} is no encoding that Python knows, such as latin-1: correct that of {path}"
        ) from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        if not utf8:
            raise ValueError(f"{path}, line {line}, is not in {encoding}: correct its encoding") from error
        likely = "UTF-16" if wide else "WINDOWS-1252"
        new = path.with_name(f"{path.stem}-utf8.csv").absolute()
        command = f"iconv -f {likely} -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(new))}"
        raise ValueError(f"{path}, line {line}, is not in UTF-8: type {command}, then {typed(key, new)}") from error
    if not text.strip():
        raise ValueError(f"{path} is empty: correct {key}")
    if text.lstrip().startswith("<"):
        raise ValueError(f"{path} is a web page or XML, not a CSV file: get the table itself, or correct {key}")
    return text


def _separator(text: str, wanted: Sequence[str]) -> str:
    """Return the separator with which the header has most of the wanted columns, then most columns."""
    headers = {separator: _header(text, separator) for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda one: (len({*wanted} & {*headers[one]}), len(headers[one])))


def _header(text: str, separator: str) -> list[str]:
    """Return the first row that is not blank; none where the separator makes no sense of the text."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    with suppress(csv.Error):
        for fields in reader:
            if any(texts := [plain(field) for field in fields]):
                return texts
    return []


def _rows(path: Path, text: str, separator: str) -> Iterator[Line]:
    """Yield each row that is not blank with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for fields in reader:
            if any(texts := [plain(field) for field in fields]):
                yield reader.line_num, texts
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}: correct the quotes of that line") from error
