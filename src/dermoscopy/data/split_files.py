"""Splits in files: a CSV with one row per image, written by hand or by a training."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from dermoscopy.data.ids import probable_pairs, shown_pairs
from dermoscopy.data.splits import EVERY_SUBSET, Labels, Strings
from dermoscopy.data.tables import few, plain, read_table, similar
from dermoscopy.machine.files import write_atomically


def from_file(ids: Strings, groups: Strings, labels: Labels, seed: int, file: str | Path) -> Strings:
    """Read the subsets from a CSV with columns `id` and `subset`, written by hand or by `write_split`.

    An image that is missing from it, or whose subset is empty, has the subset "" and is not used; their number is
    printed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such table, or names an id twice or one that the store does not have.
    """
    columns = dict.fromkeys(("id", "subset"), "split.file")
    table = read_table(Path(str(file)), "split.file", columns, earlier={"side": "subset"})
    _check_subsets(file, table)
    names = [plain(name) for name in ids.tolist()]
    if unknown := sorted(set(table["id"]) - set(names)):
        pairs = probable_pairs(sorted(set(names) - set(table["id"])), unknown)
        meant = f": it has {shown_pairs(pairs)}" if pairs else ""
        raise ValueError(
            f"{file} names {unknown[0]} ({len(unknown)} of {len(table)} ids), which the store does not have{meant}: "
            "correct or remove these rows"
        )
    subset = dict(zip(table["id"], table["subset"], strict=True))
    if unused := [name for name in names if not subset.get(name)]:
        _say(f"  {file}: {len(unused)} of {len(names)} images are in no subset, so they are not used ({few(unused)})")
    return np.array([subset.get(name, "") for name in names])


def _check_subsets(file: str | Path, table: pd.DataFrame) -> None:
    """Refuse rows without an id, ids with several rows, and words that are no subset."""
    if (table["id"] == "").any():
        raise ValueError(f"{file} has no id in line {few(table.index[table['id'] == ''])}: write it, or remove the row")
    doubled = table[table["id"].duplicated(keep=False)].groupby("id", sort=False)["subset"]
    for name, subsets in doubled:
        kinds = ", ".join(subset or "empty" for subset in dict.fromkeys(subsets))
        raise ValueError(f"{file} names {name} more than once, as {kinds} ({len(doubled)} such ids): keep one row")
    strange = table[~table["subset"].isin((*EVERY_SUBSET, ""))]
    for line, subset in strange["subset"].items():
        raise ValueError(
            f"{file} has the subset {subset!r} in line {line} ({len(strange)} such rows), "
            f"but a subset is one of {list(EVERY_SUBSET)}{similar(subset, EVERY_SUBSET)}"
        )


@cache
def _say(line: str) -> None:
    """Print a line once, although every stage reads its split anew."""
    print(line, flush=True)


def write_split(path: str | Path, ids: Strings, groups: Strings, subset: Strings) -> Path:
    """Write the subsets to a CSV with columns id, group, subset, which `split=file` reads back; return its path."""
    table = pd.DataFrame({"id": ids, "group": groups, "subset": subset})
    return write_atomically(Path(path), table.to_csv(index=False))
