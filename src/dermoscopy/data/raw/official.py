"""The official split of a data set: its subset of each image, as the data set states it.

It is stated by one of: a column of the table, lists of ids, lists of row numbers of the table, or folders.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from dermoscopy.data.ids import file_name
from dermoscopy.data.splits import SUBSETS
from dermoscopy.data.table_files import TableForm, plain, read_cells
from dermoscopy.data.tables import counted, few, is_missing
from dermoscopy.machine.messages import nearest

KEY = "data.source.official"
WAYS = ("column", "ids", "rows", "folders")
WORDS = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
Official = Mapping[str, object]


@dataclass(frozen=True)
class Known:
    """What the official split is read from.

    Attributes:
        root: folder of the raw files.
        images: the file of each image by id.
        column: text of the column of subsets by id, "" where unknown.
        row_ids: id of each row of the table, in order.
    """

    root: Path
    images: Mapping[str, Path]
    column: Mapping[str, str]
    row_ids: Sequence[str]


def check_official(official: object) -> None:
    """Refuse settings that state no split.

    Raises:
        ValueError: there are none or several ways, or a subset is unknown.
    """
    if not isinstance(official, Mapping) or not official:
        raise ValueError(f"official must state the split by one of {', '.join(WAYS)}, got {official}")
    ways = [str(key) for key in official if key != "values"]
    if unknown := [key for key in ways if key not in WAYS]:
        raise ValueError(f"official has the key {unknown[0]}; it takes {', '.join(WAYS)}{nearest(unknown[0], WAYS)}")
    if len(ways) != 1:
        raise ValueError(f"official must state the split in one way, got {' and '.join(ways) or 'none'}")
    way = official[ways[0]]
    if ways[0] == "column":
        return
    if not isinstance(way, Mapping) or not way or not {str(key) for key in way} <= {*SUBSETS}:
        raise ValueError(f"official.{ways[0]} must name subsets out of {', '.join(SUBSETS)}, got {way}")


def official_column(official: Official) -> str:
    """Return the column that states the split, "" if none does."""
    return str(official.get("column") or "")


def official_subsets(official: Official, known: Known) -> tuple[dict[str, str], list[str]]:
    """Return the official subset of each image, "" for none, and a note with their numbers.

    Raises:
        FileNotFoundError: a list does not exist.
        ValueError: a list cannot be read, an image is in two subsets, a word is no subset, or no image is in any.
    """
    if "column" in official:
        subsets = _of_column(official, known)
    elif isinstance(folders := official.get("folders"), Mapping):
        subsets = _of_folders(folders, known)
    else:
        subsets = _of_lists(official, known)
    counts = Counter(subsets.values())
    if not counts.keys() & {*SUBSETS}:
        raise ValueError(f"{KEY} puts no image into a subset: correct it, or leave it out, {KEY}=null")
    parts = [f"{counts[subset]} {subset}" for subset in SUBSETS if subset in counts]
    none = f", {counts['']} in none" if counts[""] else ""
    return subsets, [f"official split: {', '.join(parts)}{none} (split=official uses it)"]


def _of_column(official: Official, known: Known) -> dict[str, str]:
    values = official.get("values")
    own = {str(text): str(subset) for subset, text in values.items()} if isinstance(values, Mapping) else {}
    words = dict(zip(SUBSETS, SUBSETS, strict=True)) | WORDS | own
    subsets = {id: words.get(text if text in own else text.casefold(), text) for id, text in known.column.items()}
    if strange := Counter(text for text in subsets.values() if text and text not in SUBSETS):
        raise ValueError(
            f"{KEY}.column: {official['column']} has {counted(strange.elements())}, no subset: name what stands for "
            "train, val and test in official.values"
        )
    return subsets


def _of_folders(folders: Mapping[object, object], known: Known) -> dict[str, str]:
    subsets = {}
    for id, path in known.images.items():
        place = path.relative_to(known.root).parent.as_posix()
        found = [str(subset) for subset, pattern in folders.items() if fnmatchcase(place, str(pattern))]
        if len(found) > 1:
            raise ValueError(f"{KEY}.folders: {place} matches {' and '.join(found)}: correct these patterns")
        subsets[id] = found[0] if found else ""
    return subsets


def _of_lists(official: Official, known: Known) -> dict[str, str]:
    way = "ids" if "ids" in official else "rows"
    lists = official[way]
    assert isinstance(lists, Mapping)
    subsets = dict.fromkeys(known.images, "")
    for subset, file in lists.items():
        path, key = known.root / str(file), f"{KEY}.{way}.{subset}"
        entries = _entries(path, key)
        by_row = way == "rows"
        for id in (_id_of_row(entry, path, known.row_ids) if by_row else plain(file_name(entry)) for entry in entries):
            if id not in subsets:
                continue  # a part of a data set can be prepared
            if subsets[id] not in ("", str(subset)):
                raise ValueError(f"{path} has {id}, which is also in {subsets[id]}: remove it from one of the lists")
            subsets[id] = str(subset)
    return subsets


def _entries(path: Path, key: str) -> list[str]:
    """Return the first cell of each line of a list, without a header that is none of them."""
    cells = read_cells(path, key, [], TableForm(header=("entry",)))
    return [row[0] for _, row in cells.rows if not is_missing(row[0])]


def _id_of_row(entry: str, path: Path, row_ids: Sequence[str]) -> str:
    """Return the id in a row of the table; "" for the header of the list."""
    if not re.fullmatch(r"\d+(\.0)?", entry):
        if entry.isidentifier():
            return ""
        raise ValueError(f"{path} has {entry!r}, but it must list the numbers of rows, the first being 0")
    number = int(float(entry))
    if number >= len(row_ids):
        raise ValueError(f"{path} has row {number}, but the table has {len(row_ids)} rows ({few(row_ids, 2)})")
    return row_ids[number]
