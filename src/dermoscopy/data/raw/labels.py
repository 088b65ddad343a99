"""Labels and groups from a CSV file, brought together with the images that they describe."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dermoscopy.data.ids import matching_column, probable_pairs, shown_pairs
from dermoscopy.data.raw.label_rules import UNKNOWN, LabelRule, check_truth, check_values
from dermoscopy.data.raw.table_notes import group_notes, row_notes, spare, value_notes
from dermoscopy.data.tables import few, is_missing, plain, read_table, typed


class LabelRow(NamedTuple):
    """Labels of an image, its group ("" for none), and why it cannot be labelled: problems with their remedies."""

    labels: tuple[int, ...] = ()
    group: str = ""
    faults: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LabelTable:
    """Labels and groups of images by their ids; empty without a CSV file.

    Args:
        rows: one per image.
        notes: what to know of the table as a whole: values read as unknown, rows without an image.
    """

    rows: Mapping[str, LabelRow] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def row(self, id: str) -> LabelRow:
        """Return the row of an image."""
        return self.rows.get(id, LabelRow())


class Columns(NamedTuple):
    """Columns of a CSV file: of ids, of groups ("" for none), and those that the rules of the labels read."""

    id: str
    group: str
    rules: tuple[LabelRule, ...]

    def settings(self) -> dict[str, str]:
        """Return the setting that names each column."""
        of_ids = {self.id: "data.source.id_column"}
        of_groups = {self.group: "data.source.group_column"} if self.group else {}
        of_labels = {rule.column: f"data.source.columns.{rule.name}" for rule in reversed(self.rules)}
        return {**of_ids, **of_groups, **of_labels} | of_ids


def read_labels(
    root: Path,
    csv: str | Path | None,
    id_column: str,
    group_column: str | None,
    columns: Mapping[str, str],
    images: Sequence[str],
) -> LabelTable:
    """Read the labels in `columns` (name to `column`, `column=value` or `column=value|value`) of images by their ids.

    The id of an image in the folder of a class is class/id; its row may have either.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file cannot be read or lacks a column, most images have no row but rows of other ids, a column
            has no truth values, or it lacks a requested value but has a similar one.
    """
    if csv is None:
        return LabelTable()
    if not isinstance(columns, Mapping):
        raise ValueError(f'data.source.columns must name the labels, as in {{melanoma: "dx=mel"}}, got {columns}')
    path = root / str(csv)
    rules = tuple(LabelRule.parse(name, text) for name, text in columns.items())
    chosen = Columns(plain(str(id_column)), plain(str(group_column or "")), rules)
    frame = read_table(path, "data.source.csv", chosen.settings())
    lines = _lines(frame[chosen.id], images)
    _check_ids(path, frame, chosen.id, lines)
    used = frame.loc[[found[0] for found in lines.values() if found]]
    for rule in rules:
        check_values(path, frame[rule.column], rule)
        check_truth(path, used[rule.column], rule)
    notes = [*row_notes(path.name, frame[chosen.id], lines), *value_notes(used, rules)]
    notes += group_notes(used[chosen.group]) if chosen.group else []
    return LabelTable(_rows(path.name, frame, chosen, lines), tuple(notes))


def _lines(ids: "pd.Series[str]", images: Sequence[str]) -> dict[str, list[int]]:
    """Return the lines of each image: those of its id, or of its id without the folder of its class."""
    lines: dict[str, list[int]] = {}
    for line, id in zip(ids.index.tolist(), ids, strict=True):
        lines.setdefault(id, []).append(line)
    return {id: lines.get(plain(id)) or lines.get(_bare(id), []) for id in images}


def _bare(id: str) -> str:
    return plain(id.rpartition("/")[2])


def _check_ids(path: Path, frame: pd.DataFrame, id_column: str, lines: Mapping[str, list[int]]) -> None:
    """Refuse a table that has no row for most images, but rows of other ids: those are written differently."""
    lacking = {_bare(id): None for id, found in lines.items() if not found}
    if 2 * len(lacking) <= len(lines):
        return
    others = spare(frame[id_column], lines)
    pairs = probable_pairs(lacking, others)
    problem = f"{len(lacking)} of {len(lines)} images have no row in {path}"
    if better := matching_column(frame, set(lacking)):
        raise ValueError(f"{problem}: their names are in its column {better}, {typed('data.source.id_column', better)}")
    if pairs:
        id, other = next(iter(pairs.items()))
        raise ValueError(
            f"{problem}: its column {id_column} has {shown_pairs(pairs)}: "
            f"write the names of the images there, {id} instead of {other}"
        )
    if not any(lines.values()):
        raise ValueError(
            f"{problem}: its column {id_column} has {few(others)}, the images are {few(lacking)}: "
            f"write these names there, or name the column that has them, data.source.id_column=COLUMN"
        )


def _rows(name: str, frame: pd.DataFrame, columns: Columns, lines: Mapping[str, list[int]]) -> dict[str, LabelRow]:
    """Return the row of each image, with the problems of all lines that have its id."""
    cells = {rule: frame[rule.column].to_dict() for rule in columns.rules}
    meaning = {rule: {text: rule.value(text) for text in set(texts.values())} for rule, texts in cells.items()}
    groups = frame[columns.group].to_dict() if columns.group else {}
    shared = Counter(found[0] for found in lines.values() if found)
    pairs = probable_pairs([_bare(id) for id, found in lines.items() if not found], spare(frame[columns.id], lines))
    rows = {}
    for id, found in lines.items():
        values = {rule: [meaning[rule][cells[rule][line]] for line in found] for rule in columns.rules}
        members = ["" if is_missing(groups.get(line, "")) else groups[line] for line in found]
        faults = [] if found else [_absent(name, _bare(id), pairs.get(_bare(id)))]
        if found and shared[found[0]] > 1:
            faults.append((f"{shared[found[0]]} images have the row {_bare(id)} of {name}", f"write {id} there"))
        if len(found) > 1:
            differing = [rule.name for rule in columns.rules if len(set(values[rule])) > 1]
            differing += [columns.group] if len(set(members)) > 1 else []
            faults.append(_repeated(name, _bare(id), len(found), differing))
        for rule in columns.rules:
            wrong = [cells[rule][line] for line, value in zip(found, values[rule], strict=True) if value is None]
            faults += [rule.fault(text, name) for text in dict.fromkeys(wrong)]
        labels = tuple(UNKNOWN if value is None else value for value, *_ in values.values()) if found else ()
        rows[id] = LabelRow(labels, members[0] if members else "", tuple(faults))
    return rows


def _absent(name: str, id: str, other: str | None) -> tuple[str, str]:
    remedy = "add the row, or remove the image" if other is None else f"write it there instead of {other}"
    return f"no row {_bare(id)} in {name}", remedy


def _repeated(name: str, id: str, count: int, differing: Sequence[str]) -> tuple[str, str]:
    if differing:
        return f"{count} rows {id} in {name}, which differ in {', '.join(differing)}", "keep the right one"
    return f"{count} rows {id} in {name}, all with the same labels", "keep one"
