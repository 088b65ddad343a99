"""A section of a page as data, which the writers of Markdown and of HTML turn into text."""

from collections.abc import Sequence
from dataclasses import dataclass


class Code(str):
    """A text that is shown as code, such as a command."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A table, a list or both, with an explanation; all of it plain text without markup, in which any character may be.

    Attributes:
        title: its heading.
        head: of the columns of the table.
        rows: of the table; the first column names the row.
        text: the explanation, one paragraph, below the table.
        items: what is said about whom or what: a name, "" for none, and a sentence.
    """

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    text: str = ""
    items: Sequence[tuple[str, str]] = ()
