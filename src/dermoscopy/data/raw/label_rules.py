"""Rules that make labels of the cells of a table: each cell is 0, 1, unknown or a problem."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dermoscopy.data.tables import counted, few, folded, is_missing, number, plain, similar

UNKNOWN = -1
AND = re.compile(r" & (?=[^=|&]+=)")  # not within a value, as in site=Head & Neck
YES, NO = ("true", "t", "yes", "y", "positive", "present"), ("false", "f", "no", "n", "negative", "absent")
WORDS = dict.fromkeys(YES, 1) | dict.fromkeys(NO, 0)


@dataclass(frozen=True)
class LabelRule:
    """Rule of a label.

    Args:
        name: name of the label.
        column: the column that it is read from.
        accepted: the values that mean yes; none where the column itself holds 0 and 1.
        parts: rules that must all mean yes; `column` is then made of their columns, see `combined`.
    """

    name: str
    column: str
    accepted: tuple[str, ...] = ()
    parts: "tuple[LabelRule, ...]" = ()

    @classmethod
    def parse(cls, name: str, text: object, setting: str = "") -> "LabelRule":
        """Return the rule that is written as `column`, `column=value`, `column=value|value`, or several with ` & `.

        Args:
            name: of the label.
            text: the rule.
            setting: that holds it; "": that of the label.

        Raises:
            ValueError: there is no column, or no value after = or |.
        """
        pieces = AND.split("" if text is None else str(text))
        if pieces[1:]:
            parts = tuple(cls.parse(name, piece, setting) for piece in pieces)
            return cls(name, " & ".join(map(str, parts)), (), parts)
        column, equals, values = plain("" if text is None else str(text)).partition("=")
        accepted = tuple(plain(value) for value in values.split("|")) if equals else ()
        if not column or "" in accepted:
            key = setting or f"data.source.columns.{name}"
            raise ValueError(
                f"{key} is {'null' if text is None else text}: name a column of 0 and 1, "
                'or the values that mean yes, as in "dx=mel" or "dx=mel|bcc"'
            )
        return cls(name, plain(column), accepted)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that it is read from."""
        return tuple(part.column for part in self.parts) or (self.column,)

    def combined(self, frame: pd.DataFrame) -> "pd.Series[str]":
        """Return the column of a rule with parts: yes, no, or nothing where it is unknown."""
        values = [frame[part.column].map(part.value) for part in self.parts]
        known = [
            "no" if 0 in row else "yes" if all(value == 1 for value in row) else "" for row in zip(*values, strict=True)
        ]
        return pd.Series(known, frame.index, dtype=object)

    def __str__(self) -> str:
        return f"{self.column}={'|'.join(self.accepted)}" if self.accepted else self.column

    def value(self, text: str) -> int | None:
        """Return 1, 0, -1 for unknown, or None for a text that is no truth value."""
        if text in self.accepted or (self.accepted and text == "|".join(self.accepted)):
            return 1  # also for dx=unknown, which is asked for
        if is_missing(text):
            return UNKNOWN
        if self.accepted:
            return 0
        truth = number(text)
        return WORDS.get(text.casefold()) if truth is None else {0.0: 0, 1.0: 1}.get(truth)

    def fault(self, text: str, table: str) -> tuple[str, str]:
        """Return the problem of a text that is no truth value, and its remedy."""
        return f"{self.name} is {text} in {table}, neither 0 nor 1", self._remedy([text])

    def _remedy(self, texts: Iterable[str]) -> str:
        """Return what to do with texts that are no truth values; which of them mean yes is for the user to say."""
        write = "write 0 or 1, or nothing where it is unknown"
        if any(number(text) is not None for text in texts):
            return write
        return f'{write}; or name the values that mean yes, {self.name}: "{self.column}=VALUE" in data.source.columns'


def check_truth(path: Path, texts: Iterable[str], rule: LabelRule) -> None:
    """Refuse a column of which most known values are neither 0 nor 1: it holds something else.

    Raises:
        ValueError: so it is.
    """
    known = Counter(text for text in texts if not is_missing(text))
    wrong = Counter({text: count for text, count in known.items() if rule.value(text) is None})
    if 2 * wrong.total() > known.total():
        raise ValueError(
            f"{rule.name} is the column {rule.column} of {path}, which holds {counted(wrong)}, "
            f"neither 0 nor 1: {rule._remedy(wrong)}"
        )


def check_values(path: Path, texts: Iterable[str], rule: LabelRule) -> None:
    """Refuse a misspelt value, which would turn its images into negatives; an absent class has no similar value.

    Raises:
        ValueError: the column lacks a requested value but has a similar one, or has both spellings of it.
    """
    present = sorted(set(texts))
    for value in rule.accepted:
        alike = [text for text in present if folded(text) == folded(value) and text not in rule.accepted]
        if value in present and alike:
            both = "|".join([*rule.accepted, *alike])
            raise ValueError(
                f"{rule.name} is {rule}, but {path} also has {rule.column} {few(alike)}: "
                f'write them the same, or name all of them, {rule.name}: "{rule.column}={both}" in data.source.columns'
            )
        if value not in present and (suggestion := similar(value, [text for text in present if not is_missing(text)])):
            raise ValueError(
                f"{rule.name} is {rule}, but no row of {path} has {rule.column} {value!r}{suggestion} "
                f"If it is just absent there, leave it out of data.source.columns.{rule.name}"
            )
