"""Markdown of tables and numbers."""

import re
from collections.abc import Iterable

from dermoscopy.report.page.section import Code, Section

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


def shown(text: object) -> str:
    """Return a text of a section in Markdown: code as code, everything else as it is."""
    return code(text) if isinstance(text, Code) else plain(text)


def section_table(section: Section) -> str:
    """Return the table of a section."""
    return markdown_table([shown(name) for name in section.head], [map(shown, row) for row in section.rows])


def code(text: object) -> str:
    """Return a command or value as code in Markdown, also if it holds backticks."""
    line = " ".join(str(text).split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}{line}{fence}" if len(fence) == 1 else f"{fence} {line} {fence}"
