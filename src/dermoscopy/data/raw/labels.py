"""Labels, groups and metadata from tables, brought together with the images that they describe."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dermoscopy.data.ids import matching_column, probable_pairs, shown_pairs
from dermoscopy.data.raw.asked import Asked, Columns
from dermoscopy.data.raw.label_files import Joined, read_label_files
from dermoscopy.data.raw.label_rules import UNKNOWN, check_truth, check_values
from dermoscopy.data.raw.table_notes import group_notes, metadata_notes, row_notes, spare, value_notes
from dermoscopy.data.table_files import plain
from dermoscopy.data.tables import counted, few, is_missing
from dermoscopy.machine.messages import typed


class LabelRow(NamedTuple):
    """What a table says of an image, and why the image cannot be labelled.

    Attributes:
        labels: 0, 1, or -1 for unknown.
        groups: of each column of groups, "" for none.
        metadata: texts of the columns of metadata, "" where unknown.
        faults: problems with their remedies.
    """

    labels: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LabelTable:
    """What a table says of images, by their ids; empty without a file.

    Attributes:
        rows: one per image.
        group_columns: those of the requested columns of groups that the table has.
        metadata: names of the metadata that it has.
        row_ids: the id in each of its rows, in order.
        left_out: images that are left out because of it.
        links: of several columns of groups the texts of every row, also of those without an image: a lesion and a
            patient may belong together only by way of such a row.
        notes: what to know of the table as a whole: values read as unknown, rows without an image.
    """

    rows: Mapping[str, LabelRow] = field(default_factory=dict)
    group_columns: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    row_ids: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    links: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def row(self, id: str) -> LabelRow:
        """Return the row of an image."""
        return self.rows.get(id, LabelRow())


def read_labels(root: Path, csv: object, asked: Asked, images: Sequence[str]) -> LabelTable:
    """Read the labels, groups and metadata of images by their ids.

    The id of an image in the folder of a class is class/id; its row may have either.

    Args:
        root: folder of the raw files.
        csv: files of the table, see `dermoscopy.data.raw.label_files`; None: no table.
        asked: what is read.
        images: ids of the images.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file cannot be read or lacks a column, most images have no row but rows of other ids, a column
            has no truth values, or it lacks a requested value but has a similar one.
    """
    if csv is None:
        return LabelTable()
    if not isinstance(asked.columns, Mapping):
        raise ValueError(f'data.source.columns must name the labels, as in {{melanoma: "dx=mel"}}, got {asked.columns}')
    wanted = Columns.of(asked)
    optional = [*wanted.groups, *wanted.metadata.values()]
    joined = read_label_files(root, csv, wanted.id, wanted.settings(), optional, images)
    chosen, frame = _existing(wanted, joined), joined.frame
    for rule in (*chosen.rules, *chosen.where):
        for part in rule.parts or (rule,):
            check_values(joined.path, frame[part.column], part)
        if rule.parts:
            frame[rule.column] = rule.combined(frame)
    lines = _lines(frame[chosen.id], images)
    if not asked.skip or not any(lines.values()):
        _check_ids(joined, chosen.id, lines)
    left_out, notes = _left_out(joined, chosen, lines, asked.skip)
    lines = {id: found for id, found in lines.items() if id not in left_out}
    used = frame.loc[[found[0] for found in lines.values() if found]]
    for rule in chosen.rules:
        check_truth(joined.path, used[rule.column], rule)
    notes += [*joined.notes, *row_notes(joined.name, frame[chosen.id], lines, left_out)]
    notes += value_notes(used, chosen.rules)
    for column in chosen.groups:
        notes += group_notes(used[column], alone=len(chosen.groups) == 1)
    notes += metadata_notes(used, chosen.metadata)
    if absent := [f"{name} ({column})" for name, column in wanted.metadata.items() if name not in chosen.metadata]:
        notes.append(f"{joined.name}: no column of the metadata {few(absent)}")
    links = [_without_missing(frame[column]).values() for column in chosen.groups[1:] and chosen.groups]
    return LabelTable(
        _rows(joined, chosen, lines),
        chosen.groups,
        tuple(chosen.metadata),
        tuple(frame[chosen.id]),
        frozenset(left_out),
        tuple(zip(*links, strict=True)),
        tuple(notes),
    )


def _left_out(
    joined: Joined, columns: Columns, lines: Mapping[str, list[int]], skip: bool
) -> tuple[set[str], list[str]]:
    """Return the images that the table leaves out, and how many, by reason."""
    out, notes = set(), []
    if skip and (unlisted := [id for id, found in lines.items() if not found]):
        out.update(unlisted)
        notes.append(f"left out, no row in {joined.name}: {len(unlisted)} of {len(lines)} images ({few(unlisted)})")
    for rule in columns.where:
        cells = joined.frame[rule.column].to_dict()
        texts = {id: cells[found[0]] for id, found in lines.items() if found and rule.value(cells[found[0]]) != 1}
        if texts:
            out.update(texts)
            notes.append(f"left out, not {rule}: {len(texts)} of {len(lines)} images: {counted(texts.values())}")
    return out, notes


def _existing(asked: Columns, joined: Joined) -> Columns:
    """Return the columns without those of groups and metadata that the table does not have.

    Raises:
        ValueError: it has no column of groups, but some are asked for.
    """
    groups = tuple(column for column in asked.groups if column in joined.frame)
    if asked.groups and not groups:
        raise ValueError(
            f"{joined.path} has none of the columns {few(asked.groups)}: correct data.source.group_column, or leave "
            "it out, data.source.group_column=null, where each image is a group of its own"
        )
    known = {name: column for name, column in asked.metadata.items() if column in joined.frame}
    return asked._replace(groups=groups, metadata=known)


def _lines(ids: "pd.Series[str]", images: Sequence[str]) -> dict[str, list[int]]:
    """Return the lines of each image: those of its id, or of its id without the folder of its class."""
    lines: dict[str, list[int]] = {}
    for line, id in zip(ids.index.tolist(), ids, strict=True):
        lines.setdefault(id, []).append(line)
    return {id: lines.get(plain(id)) or lines.get(_bare(id), []) for id in images}


def _bare(id: str) -> str:
    return plain(id.rpartition("/")[2])


def _check_ids(joined: Joined, id_column: str, lines: Mapping[str, list[int]]) -> None:
    """Refuse a table that has no row for most images, but rows of other ids: those are written differently."""
    lacking = {_bare(id): None for id, found in lines.items() if not found}
    if 2 * len(lacking) <= len(lines):
        return
    others = spare(joined.frame[id_column], lines)
    pairs = probable_pairs(lacking, others)
    problem = f"{len(lacking)} of {len(lines)} images have no row in {joined.path}"
    if better := matching_column(joined.every(), set(lacking)):
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


def _rows(joined: Joined, columns: Columns, lines: Mapping[str, list[int]]) -> dict[str, LabelRow]:
    """Return the row of each image, with the problems of all lines that have its id."""
    name, frame = joined.name, joined.frame
    cells = {rule: frame[rule.column].to_dict() for rule in columns.rules}
    meaning = {rule: {text: rule.value(text) for text in set(texts.values())} for rule, texts in cells.items()}
    others = [*columns.groups, *columns.metadata.values()]
    texts = {column: _without_missing(frame[column]) for column in others}
    shared = Counter(found[0] for found in lines.values() if found)
    pairs = probable_pairs([_bare(id) for id, found in lines.items() if not found], spare(frame[columns.id], lines))
    rows = {}
    for id, found in lines.items():
        values = {rule: [meaning[rule][cells[rule][line]] for line in found] for rule in columns.rules}
        said = {column: [texts[column][line] for line in found] for column in others}
        faults = [] if found else [_absent(name, _bare(id), pairs.get(_bare(id)))]
        if found and shared[found[0]] > 1:
            faults.append((f"{shared[found[0]]} images have the row {_bare(id)} of {name}", f"write {id} there"))
        if len(found) > 1:
            differing = [rule.name for rule in columns.rules if len(set(values[rule])) > 1]
            differing += [column for column in dict.fromkeys(others) if len(set(said[column])) > 1]
            faults.append(_repeated(name, _bare(id), len(found), differing))
        for rule in columns.rules:
            wrong = [cells[rule][line] for line, value in zip(found, values[rule], strict=True) if value is None]
            faults += [rule.fault(text, name) for text in dict.fromkeys(wrong)]
        faults += joined.conflicts.get(_bare(id), [])
        labels = tuple(UNKNOWN if value is None else value for value, *_ in values.values()) if found else ()
        first = {column: known[0] if known else "" for column, known in said.items()}
        metadata = tuple(first[column] for column in columns.metadata.values())
        rows[id] = LabelRow(labels, tuple(first[column] for column in columns.groups), metadata, tuple(faults))
    return rows


def _without_missing(column: "pd.Series[str]") -> dict[int, str]:
    return {line: "" if is_missing(text) else text for line, text in column.items()}  # type: ignore[misc]


def _absent(name: str, id: str, other: str | None) -> tuple[str, str]:
    remedy = "add the row, or remove the image" if other is None else f"write it there instead of {other}"
    return f"no row {_bare(id)} in {name}", remedy


def _repeated(name: str, id: str, count: int, differing: Sequence[str]) -> tuple[str, str]:
    if differing:
        return f"{count} rows {id} in {name}, which differ in {', '.join(differing)}", "keep the right one"
    return f"{count} rows {id} in {name}, all with the same labels", "keep one"
