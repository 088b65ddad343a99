"""Tables and numbers of a page in Markdown."""

from collections.abc import Iterable

import pandas as pd


def markdown_table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown; bars in cells are escaped."""
    lines: list[Iterable[object]] = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def cell(value: object) -> str:
    """Text that stays within one cell of a Markdown table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def number(value: float, form: str = ".3f") -> str:
    """A number, `-` where it is undefined."""
    return "-" if pd.isna(value) else format(value, form)


def interval(low: float, high: float, form: str = "+.3f") -> str:
    """The two ends of an interval, `-` where it is undefined."""
    return "-" if pd.isna(low) else f"{low:{form}} to {high:{form}}"


def with_interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """A number with its interval in brackets, `-` where either is undefined."""
    return f"{number(value, form)} ({interval(low, high, form)})"
