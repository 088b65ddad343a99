"""Tables that people write: files of labels or subsets, read strictly, and the words that stand for no value."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from dermoscopy.data.table_files import Cells, TableForm, plain, read_cells
from dermoscopy.machine.messages import nearest

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


def is_missing(text: str) -> bool:
    """Return whether a cell says that a value is not known: empty, NA, nan, None, unknown, -, ? and the like."""
    return text.casefold() in MISSING


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


def read_table(
    path: Path, key: str, columns: Mapping[str, str], earlier: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """Read the columns of a CSV or Excel file as texts, one row per line.

    Args:
        path: the file.
        key: setting that names the file, for messages.
        columns: the required columns, each with the setting that names it.
        earlier: earlier names of columns, each with its new one.

    Returns:
        All columns, their texts as `plain` returns them; the index is the number of the line in the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no table, a row is too long or too short, or a column is missing or there twice.
    """
    wanted = {plain(column): setting for column, setting in columns.items()}
    cells = read_cells(path, key, [*wanted], TableForm())
    if renamed := [name for name in cells.header if earlier.get(name) in {*wanted} - {*cells.header}]:
        raise ValueError(f"{path}: the column {renamed[0]} is now called {earlier[renamed[0]]}: rename it")
    check_columns([path], cells.header, wanted)
    check_unique(path, cells.header, wanted)
    return as_frame(path, key, cells, [*wanted])


def as_frame(path: Path, key: str, cells: Cells, wanted: Collection[str], others: bool = True) -> pd.DataFrame:
    """Return the cells of a file as `read_table` does.

    Args:
        path: the file.
        key: setting that names the file.
        cells: of the file.
        wanted: columns that are read, where the file has them: a row may end after the last of them.
        others: whether to return the other columns too.

    Raises:
        ValueError: a row is too long or too short, or there is none.
    """
    header = cells.header
    kept = [number for number, name in enumerate(header) if others or name in wanted]
    needed = max((header.index(column) for column in wanted if column in header), default=0) + 1
    lines, rows = [], []
    for line, row in cells.rows:
        if len(row) < needed or any(row[len(header) :]):
            quotes = f" (a field that holds {cells.separator!r} needs quotes)" if cells.separator else ""
            raise ValueError(f"{path}, line {line}: {len(row)} of {len(header)} fields: correct that line{quotes}")
        lines.append(line)
        rows.append([row[number] if number < len(row) else "" for number in kept])
    if not rows:
        raise ValueError(f"{path} has no row under its header {few(header)}: correct {key}")
    return pd.DataFrame(rows, columns=[header[number] for number in kept], index=lines, dtype=object)


def check_columns(files: Sequence[Path], header: Sequence[str], required: Mapping[str, str]) -> None:
    """Refuse a table without a required column.

    Args:
        files: of the table.
        header: names of the columns of all of them.
        required: columns, each with the setting that names it.

    Raises:
        ValueError: a column is missing; the message names those that are there and the settings to correct.
    """
    if missing := [column for column in required if column not in header]:
        settings = ", ".join(dict.fromkeys(required[column] for column in missing))
        verb, they = ("have", "they have") if len(files) > 1 else ("has", "it has")
        named = few((path.name for path in files), 3) if len(files) > 1 else str(files[0])
        known, alike = few(filter(None, header), 20), similar(missing[0], header)
        raise ValueError(f"{named} {verb} no column {few(missing)}; {they} {known}{alike}: correct {settings}")


def check_unique(path: Path, header: Sequence[str], columns: Iterable[str]) -> None:
    """Refuse a file that has a column twice which is read.

    Raises:
        ValueError: it has.
    """
    for column in columns:
        if (times := header.count(column)) > 1:
            raise ValueError(f"{path} has {times} columns {column}: rename or remove all but one")


def similar(name: str, known: Sequence[str]) -> str:
    """Return "; did you mean a, b or c?" for the known texts that differ from `name` only in looks, or else little."""
    alike = [text for text in dict.fromkeys(known) if folded(text) == folded(name)]
    return f"; did you mean {' or '.join(alike)}?" if alike else nearest(name, sorted(set(filter(None, known))))
