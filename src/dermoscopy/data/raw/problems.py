"""Problems of raw files, the table that lists them, and names of files in messages."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dermoscopy.data.tables import few

ROWS_SHOWN = 20


class Problem(NamedTuple):
    """One reason why a raw file cannot be used, and its remedy."""

    file: str
    problem: str
    remedy: str


class UnusableFile(ValueError):
    """A raw file that cannot be stored; the caller knows its name, or `file` is one of several."""

    def __init__(self, problem: str, remedy: str, file: Path | None = None) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.file = file


def table(problems: Sequence[Problem]) -> str:
    """Return a plain-text table, one row per problem; rows beyond the first 20 are only counted."""
    shown = [Problem(*map(printable, problem)) for problem in sorted(problems)[:ROWS_SHOWN]]
    rows = [Problem("file", "problem", "what to do"), *shown]
    file, problem = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{row.file:{file}}  {row.problem:{problem}}  {row.remedy}" for row in rows]
    more = len(problems) - ROWS_SHOWN
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


def listed(names: Sequence[str], count: int = 3) -> str:
    """Return the first names of files, such as "a, b, c and 2 more"; "" without any."""
    return few(map(printable, names), count)


def some(names: Sequence[str]) -> str:
    """Return the number of names and the first of them, such as "5: a, b, c and 2 more"."""
    return f"{len(names)}: {listed(names)}"


def printable(text: str) -> str:
    """Return a text on one line that any terminal shows: names of files may hold line breaks and foreign bytes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
