"""The files of a table of labels: one or several, joined by the id of the image to one row each.

A column may be in several of them: files with the same columns list different images, such as those of training and
test, and others say more about the same images, such as diagnosis and metadata. Where two files say different things
of an image, that is a problem of this image.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dermoscopy.data.ids import file_name
from dermoscopy.data.raw.join import join, unnamed
from dermoscopy.data.table_files import Cells, TableForm, plain, read_cells
from dermoscopy.data.tables import as_frame, check_columns, check_unique, few
from dermoscopy.machine.messages import nearest

KEY = "data.source.csv"
ID = "its id_column in data.source.csv"
AS_IT_IS = TableForm()
KEYS = ("file", "id_column", *TableForm._fields)


@dataclass(frozen=True)
class LabelFile:
    """One file of a table, or several that a pattern names.

    Args:
        file: relative to the folder of the raw files, or absolute; `*` stands for anything in a name, `|` separates
            names of which the first that exists is read.
        id_column: its column of image ids; "": that of the source.
        form: how it is written.
    """

    file: str
    id_column: str = ""
    form: TableForm = AS_IT_IS

    @classmethod
    def parse(cls, entry: object) -> "LabelFile":
        """Return the file that an entry of `data.source.csv` describes: its name, or a mapping with `file`.

        Raises:
            ValueError: a key is missing, unknown or of another kind.
        """
        if not isinstance(entry, Mapping):
            return cls(str(entry))
        if unknown := [str(key) for key in entry if key not in KEYS]:
            raise ValueError(f"{KEY} has the key {unknown[0]}; it takes {', '.join(KEYS)}{nearest(unknown[0], KEYS)}")
        if not entry.get("file"):
            raise ValueError(f"{KEY} lacks the name of a file: give it as file, beside {', '.join(map(str, entry))}")
        header = entry.get("header") or ()
        if isinstance(header, str) or not isinstance(header, Sequence):
            raise ValueError(f"header of {entry['file']} must list the names of its columns, got {header}")
        given = {key: str(entry[key]) for key in TableForm._fields[1:] if entry.get(key) is not None}
        form = TableForm(tuple(map(str, header)), **given)
        return cls(str(entry["file"]), str(entry.get("id_column") or ""), form)

    def paths(self, root: Path) -> list[Path]:
        """Return the files, in order of their names.

        Raises:
            FileNotFoundError: there is none.
        """
        for name in self.file.split("|"):
            path = root / name
            found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))) if "*" in name else [path]
            if found and ("|" not in self.file or found[0].is_file()):
                return found
        raise FileNotFoundError(f"{root / self.file} does not exist: correct {KEY}")


@dataclass(frozen=True)
class Joined:
    """A table that was made of one or several files.

    Attributes:
        name: of the files, for messages about rows.
        path: of the file, or of the folder of several.
        frame: texts of all columns, the ids in the column of the source; the index is the line of a single file.
        every: returns all columns, also those that are not used.
        conflicts: by id what the files say differently, and what to do.
        notes: what to know of the files although nothing is wrong.
    """

    name: str
    path: Path
    frame: pd.DataFrame
    every: Callable[[], pd.DataFrame]
    conflicts: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_entries(csv: object) -> list[LabelFile]:
    """Return the files that `data.source.csv` names: one, or a list of them.

    Raises:
        ValueError: the list is empty, or an entry is wrong.
    """
    entries = csv if isinstance(csv, Sequence) and not isinstance(csv, str) else [csv]
    if not entries:
        raise ValueError(f"{KEY}=[] names no file: name one, or leave the table out, {KEY}=null")
    return [*map(LabelFile.parse, entries)]


def read_label_files(
    root: Path,
    csv: object,
    id_column: str,
    columns: Mapping[str, str],
    optional: Collection[str],
    images: Collection[str],
) -> Joined:
    """Read the files of a table and join them.

    Args:
        root: folder of the raw files.
        csv: name of a file, or a list of names and of mappings, see `LabelFile.parse`.
        id_column: column of image ids, where a file does not name its own.
        columns: required columns, each with the setting that names it.
        optional: columns that are read where they exist.
        images: ids of the images.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file cannot be read, or a column is in none of them or twice in one.
    """
    id_column = plain(id_column)
    required = {plain(name): setting for name, setting in columns.items() if plain(name) != id_column}
    used = [*dict.fromkeys([*required, *map(plain, optional)])]
    chosen = [(entry, path) for entry in read_entries(csv) for path in entry.paths(root)]
    parts = []
    for entry, path in chosen:
        own = plain(entry.id_column) or id_column
        cells = read_cells(path, KEY, [own, *used], entry.form)
        # A single file must have all columns, which one message names; of several each must have that of the ids.
        settings = {own: columns.get(id_column, ID)} | (required if len(chosen) == 1 else {})
        check_columns([path], cells.header, settings)
        parts.append(_part(path, own, cells, used, entry.form))
    header = dict.fromkeys(name for part in parts for name in part.header if name)
    check_columns([part.path for part in parts], [*header], required)
    frames, notes = [], []
    for part in parts:
        frame, note = _with_names(part, images)
        frames.append((part.path, frame.rename(columns={part.id_column: id_column})))
        notes += note
    if len(frames) == 1:
        ((path, frame),) = frames
        return Joined(path.name, path, frame, parts[0].every, notes=tuple(notes))
    frame, conflicts = join(frames, id_column, used)
    folder = Path(os.path.commonpath([path.absolute().parent for path, _ in frames]))
    notes += unnamed(frames, id_column)
    return Joined(few((path.name for path, _ in frames), 3), folder, frame, lambda: frame, conflicts, tuple(notes))


class _Part(NamedTuple):
    """A file, its columns of ids, and the texts of those that are used; `header` names all."""

    path: Path
    id_column: str
    header: list[str]
    frame: pd.DataFrame
    form: TableForm

    def every(self) -> pd.DataFrame:
        """Return all columns: a large file has many that nothing needs."""
        return as_frame(self.path, KEY, read_cells(self.path, KEY, self.header, self.form), [self.id_column])


def _part(path: Path, id_column: str, cells: Cells, used: Sequence[str], form: TableForm) -> _Part:
    """Return the columns of a file that are used, and that of the ids."""
    check_unique(path, cells.header, (id_column, *used))
    frame = as_frame(path, KEY, cells, [id_column, *used], others=False)
    return _Part(path, id_column, cells.header, frame.replace("", form.empty) if form.empty else frame, form)


def _with_names(part: _Part, images: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return a table whose ids are paths or have a suffix with the names of the images instead, and a note."""
    ids, known = part.frame[part.id_column], {plain(id) for id in images}
    if ids.isin(known).sum() == len(known):
        return part.frame, []
    in_any_case: dict[str, list[str]] = {}
    for id in known:
        in_any_case.setdefault(id.casefold(), []).append(id)

    def named(id: str) -> str:
        name = file_name(id)
        alike = in_any_case.get(name.casefold(), [])
        return alike[0] if len(alike) == 1 and name not in known and name != id else name

    names = ids.map(named)
    meant = names[names.isin(known)]
    if len(meant) <= ids.isin(known).sum() or meant.duplicated().any():
        return part.frame, []
    note = f"{part.path.name}: its ids are read by their names, {ids[meant.index[0]]} as {meant.iloc[0]}"
    return part.frame.assign(**{part.id_column: names}), [note]
