"""Markdown of tables and numbers."""

from collections.abc import Iterable

import pandas as pd


def markdown_table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """Format a table in Markdown, with bars in cells escaped."""
    lines: list[Iterable[object]] = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def cell(value: object) -> str:
    """Format a value as text that stays within one cell of a Markdown table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def number(value: float, form: str = ".3f") -> str:
    """Format a number, as `-` if it is undefined."""
    return "-" if pd.isna(value) else format(value, form)


def interval(low: float, high: float, form: str = "+.3f") -> str:
    """Format the two ends of an interval, as `-` if it is undefined."""
    return "-" if pd.isna(low) else f"{low:{form}} to {high:{form}}"


def with_interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """Format a number with its interval in brackets, each as `-` if it is undefined."""
    return f"{number(value, form)} ({interval(low, high, form)})"
