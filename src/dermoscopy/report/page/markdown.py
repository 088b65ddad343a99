"""Markdown of tables and numbers."""

import re
from collections.abc import Iterable

import pandas as pd

from dermoscopy.report.results.arms import short_names

# Characters that format text on GitHub. Within a word `_` does not, and `<` and `&` only begin tags and entities.
FORMATTING = re.compile(r"[`*\[$~]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\\(?=[^\w\s])")


def markdown_table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """Format a table in Markdown, with bars in cells escaped."""
    lines: list[Iterable[object]] = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def cell(value: object) -> str:
    """Format a value as text that stays within one cell of a Markdown table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def plain(text: object) -> str:
    """Return a name or message of any characters as Markdown that shows just these."""
    return FORMATTING.sub(lambda match: "\\" + match[0], " ".join(str(text).split()))


def plain_names(arms: Iterable[str]) -> dict[str, str]:
    """Return the display name of each arm for text in Markdown, see `short_names`."""
    return {arm: plain(name) for arm, name in short_names(list(arms)).items()}


def code(text: object) -> str:
    """Return a command or value as code in Markdown, also if it holds backticks."""
    line = " ".join(str(text).split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}{line}{fence}" if len(fence) == 1 else f"{fence} {line} {fence}"


def number(value: float, form: str = ".3f") -> str:
    """Format a number, as `-` if it is undefined."""
    return "-" if pd.isna(value) else format(value, form)


def interval(low: float, high: float, form: str = "+.3f") -> str:
    """Format the two ends of an interval, as `-` if it is undefined."""
    return "-" if pd.isna(low) else f"{low:{form}} to {high:{form}}"


def with_interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """Format a number with its interval in brackets, each as `-` if it is undefined."""
    return f"{number(value, form)} ({interval(low, high, form)})"
