"""Labels and groups from a CSV file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dermoscopy.machine.messages import nearest

UNKNOWN = -1
TRUTH = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "0": 0, "0.0": 0, "false": 0, "no": 0, "": UNKNOWN}


@dataclass(frozen=True)
class LabelTable:
    """Labels and groups by image id; empty without a CSV file.

    Args:
        name: file name for messages; empty without a file.
        rows: label values by id.
        groups: group by id; an empty string where none is given.
        problems: problems of an id's row, each with its remedy.
    """

    name: str = ""
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)

    def row(self, id: str) -> tuple[int, ...]:
        """Return the labels of an image."""
        return self.rows.get(id, ())

    def group(self, id: str) -> str:
        """Return the group of an image, empty where it has none."""
        return self.groups.get(id, "")

    def faults(self, id: str) -> list[tuple[str, str]]:
        """Return the reasons why an image cannot be labelled: problem and remedy."""
        if self.name and id not in self.rows:
            return [(f"no row {id} in {self.name}", "add the row, or remove the image")]
        return self.problems.get(id, [])


def read_labels(
    root: Path, csv: str | Path | None, id_column: str, group_column: str | None, columns: Mapping[str, str]
) -> LabelTable:
    """Read the labels in `columns`: name to `column`, `column=value` or `column=value|value`.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file cannot be read, lacks a column, or a column lacks a requested value but has a similar one.
    """
    if csv is None:
        return LabelTable()
    path = root / csv
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: correct csv (relative to the raw folder)")
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path} is not a readable CSV file in UTF-8: {error}") from error
    sources = {name: rule.partition("=")[0] for name, rule in columns.items()}
    required = [id_column, *sources.values(), *([group_column] if group_column else [])]
    if missing := [name for name in dict.fromkeys(required) if name not in frame.columns]:
        raise ValueError(f"{path} has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    frame = frame.apply(lambda values: values.str.strip())
    for name, rule in columns.items():
        _check_values(path, frame, name, rule)
    return _table(path.name, frame, id_column, group_column, columns)


def _check_values(path: Path, frame: pd.DataFrame, name: str, rule: str) -> None:
    """Refuse a misspelt value, which would turn its images into negatives; an absent class has no similar value."""
    column, accepted = _accepted(rule)
    present = set(frame[column]) - {""}
    for value in accepted:
        if value not in present and (suggestion := nearest(value, sorted(present))):
            raise ValueError(f"{name} is {rule}, but no row of {path} has {column} {value!r}{suggestion}")


def _accepted(rule: str) -> tuple[str, tuple[str, ...]]:
    """Return the column of a rule and the values that count as positive; none where the column itself is 0 or 1."""
    column, equals, accepted = rule.partition("=")
    return column, tuple(value.strip() for value in accepted.split("|")) if equals else ()


def _table(
    name: str, frame: pd.DataFrame, id_column: str, group_column: str | None, columns: Mapping[str, str]
) -> LabelTable:
    ids = frame[id_column].tolist()
    problems: dict[str, list[tuple[str, str]]] = {}
    for id in frame.loc[frame[id_column].duplicated(), id_column].unique():
        problems[id] = [(f"more than one row {id} in {name}", "keep one row")]
    values = [[_label(text, rule) for text in frame[rule.partition("=")[0]]] for rule in columns.values()]
    for rule, column in zip(columns.values(), values, strict=True):
        for id, text, value in zip(ids, frame[rule.partition("=")[0]], column, strict=True):
            if value is None:
                remedy = f"write 0 or 1, or define the label as {rule}={text}"
                problems.setdefault(id, []).append((f"{rule} is {text} in {name}, neither 0 nor 1", remedy))
    rows = [tuple(UNKNOWN if value is None else value for value in row) for row in zip(*values, strict=True)]
    groups = frame[group_column].tolist() if group_column else [""] * len(ids)
    labels = dict(zip(ids, rows or [()] * len(ids), strict=True))
    return LabelTable(name, labels, dict(zip(ids, groups, strict=True)), problems)


def _label(text: str, rule: str) -> int | None:
    """Return 1, 0, -1 for unknown, or None for a text that is no label."""
    _, accepted = _accepted(rule)
    if not accepted:
        return TRUTH.get(text.lower())
    return int(text in accepted) if text else UNKNOWN
