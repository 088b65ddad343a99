"""Tables that people write: CSV files of labels or subsets, read strictly, and the words that stand for no value."""

import csv
import io
import math
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from dermoscopy.machine.messages import nearest

SEPARATORS = ",;\t"
SHOWN = 5  # names in a message; the others are counted
MISSING = frozenset(  # in any case, in any column
    {
        "",
        "na",
        "n/a",
        "n.a.",
        "nan",
        "-nan",
        "nat",
        "<na>",
        "none",
        "null",
        "nil",
        "unknown",
        "missing",
        "not available",
    }
    | {"not applicable", "-", "--", "–", "—", "?", "??", ".", "#n/a", "#na", "#value!", "#ref!", "#div/0!", "#name?"}
    | {"#num!", "#null!"}
)
NO_TEXT = {  # first bytes of a file that is no text, and what it is
    b"PK\x03\x04": "an Excel or zip file",
    b"\xd0\xcf\x11\xe0": "an Excel file",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"SQLite": "a database",
}
AS_CSV = "save the table as CSV in UTF-8"


def is_missing(text: str) -> bool:
    """Return whether a cell says that a value is not known: empty, NA, nan, None, unknown, -, ? and the like."""
    return text.casefold() in MISSING


def plain(text: str) -> str:
    """Return a text without blanks around it, in the composed Unicode form, so that equal texts are equal."""
    return unicodedata.normalize("NFC", text.strip())


def folded(text: str) -> str:
    """Return a text without its case and its spelling of blanks and numbers: texts that only look different agree."""
    value = number(text)
    return repr(value) if value is not None else " ".join(text.casefold().split())


def number(text: str) -> float | None:
    """Return the value of a finite number, also with a decimal comma; None where the text is none."""
    try:
        value = float(text.replace(",", ".")) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def few(names: Iterable[object], count: int = SHOWN) -> str:
    """Return the first few of many names in one line, and the number of the others."""
    texts = [str(name) for name in names]
    return ", ".join(texts[:count]) + (f" and {len(texts) - count} more" if len(texts) > count else "")


def counted(texts: Iterable[str]) -> str:
    """Return the different texts of cells, the most frequent first, each with its number."""
    return few(f"{text or 'empty'} ({count})" for text, count in Counter(texts).most_common())


def typed(key: str, value: object) -> str:
    """Return an override as it is typed in a shell; a list of names stands in brackets."""
    if isinstance(value, list | tuple):
        return shlex.quote(f"{key}=[{','.join(map(_entry, value))}]")
    if re.fullmatch(r"[A-Za-z0-9_./-]+", str(value)):
        return f"{key}={value}"
    return shlex.quote(f"{key}={_quoted(str(value))}")


def _entry(name: object) -> str:
    """Return an entry of a list, in quotes where Hydra would read a number, a word of its own or a sign."""
    text = str(name)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) and text.lower() not in ("true", "false", "null", "nan", "inf"):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """Return a text in double quotes as Hydra reads it: a backslash counts as one unless a quote follows."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), text) + '"'


def read_table(
    path: Path, key: str, columns: Mapping[str, str], earlier: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """Read the columns of a CSV file as texts, one row per line; commas, semicolons or tabs separate them.

    Args:
        path: the file.
        key: setting that names the file, for messages.
        columns: the required columns, each with the setting that names it.
        earlier: earlier names of columns, each with its new one.

    Returns:
        All columns, their texts as `plain` returns them; the index is the number of the line in the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no CSV file in UTF-8, a row is too long or too short, or a column is missing or there twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}: correct {key}")
    text = _text(path, key)
    headers = {separator: _header(text, separator) for separator in SEPARATORS}
    wanted = {plain(column): setting for column, setting in columns.items()}
    found = {separator: (len(wanted.keys() & set(header)), len(header)) for separator, header in headers.items()}
    separator = max(SEPARATORS, key=lambda candidate: found[candidate])
    header = headers[separator]
    _check_header(path, header, wanted, earlier)
    needed = max(header.index(column) for column in wanted) + 1
    lines, rows = [], []
    for line, row in _rows(path, text, separator):
        if len(row) < needed or any(row[len(header) :]):
            raise ValueError(
                f"{path}, line {line}: {len(row)} of {len(header)} fields: "
                f"correct that line (a field that holds {separator!r} needs quotes)"
            )
        lines.append(line)
        rows.append((row + [""] * len(header))[: len(header)])
    if len(rows) < 2:
        raise ValueError(f"{path} has no row under its header {few(header)}: correct {key}")
    return pd.DataFrame(rows[1:], columns=header, index=lines[1:], dtype=object)


def _text(path: Path, key: str) -> str:
    content = path.read_bytes()
    kind = next((kind for start, kind in NO_TEXT.items() if content.startswith(start)), None)
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    if kind or (b"\0" in content and not wide):
        raise ValueError(f"{path} is {kind or 'no text'}, not a CSV file: {AS_CSV}, and give that file, {key}=FILE")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if wide else "WINDOWS-1252"
        line = content[: error.start].count(b"\n") + 1
        new = path.with_name(f"{path.stem}-utf8.csv").absolute()
        command = f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(new))}"
        raise ValueError(f"{path}, line {line}, is not in UTF-8: type {command}, then {typed(key, new)}") from error
    if not text.strip():
        raise ValueError(f"{path} is empty: correct {key}")
    if text.lstrip().startswith("<"):
        raise ValueError(f"{path} is a web page or XML, not a CSV file: get the table itself, or correct {key}")
    return text


def _header(text: str, separator: str) -> list[str]:
    """Return the first row that is not blank; none where the separator makes no sense of the text."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    with suppress(csv.Error):
        for fields in reader:
            if any(texts := [plain(field) for field in fields]):
                return texts
    return []


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the number of its last line, the header first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for fields in reader:
            if any(texts := [plain(field) for field in fields]):
                yield reader.line_num, texts
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}: correct the quotes of that line") from error


def _check_header(path: Path, header: Sequence[str], wanted: Mapping[str, str], earlier: Mapping[str, str]) -> None:
    if missing := [column for column in wanted if column not in header]:
        settings = ", ".join(dict.fromkeys(wanted[column] for column in missing))
        if renamed := [name for name in header if earlier.get(name) in missing]:
            raise ValueError(f"{path}: the column {renamed[0]} is now called {earlier[renamed[0]]}: rename it")
        alike = similar(missing[0], header)
        raise ValueError(
            f"{path} has no column {few(missing)}; it has {few(filter(None, header), 20)}{alike}: correct {settings}"
        )
    for column in wanted:
        if header.count(column) > 1:
            raise ValueError(f"{path} has {header.count(column)} columns {column}: rename or remove all but one")


def similar(name: str, known: Sequence[str]) -> str:
    """Return "; did you mean a, b or c?" for the known texts that differ from `name` only in looks, or else little."""
    alike = [text for text in dict.fromkeys(known) if folded(text) == folded(name)]
    return f"; did you mean {' or '.join(alike)}?" if alike else nearest(name, sorted(set(filter(None, known))))
