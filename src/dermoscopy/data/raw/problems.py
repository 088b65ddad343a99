"""Problems of raw files, and the table that lists them."""

from collections.abc import Sequence
from typing import NamedTuple

ROWS_SHOWN = 20


class Problem(NamedTuple):
    """One reason why a raw file cannot be used, and its remedy."""

    file: str
    problem: str
    remedy: str


class UnusableFile(ValueError):
    """A raw file that cannot be stored; the caller knows its name."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


def table(problems: Sequence[Problem]) -> str:
    """Return a plain-text table, one row per problem; rows beyond the first 20 are only counted."""
    rows = [Problem("file", "problem", "what to do"), *sorted(problems)[:ROWS_SHOWN]]
    file, problem = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{row.file:{file}}  {row.problem:{problem}}  {row.remedy}" for row in rows]
    more = len(problems) - ROWS_SHOWN
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)
