"""Several tables that describe the same images or different ones, joined by the id of the image."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from dermoscopy.data.tables import few, folded, is_missing


def join(
    frames: Sequence[tuple[Path, pd.DataFrame]], id_column: str, used: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, list[tuple[str, str]]]]:
    """Return one row per id, or as many as one file has of it, and what files say differently of an id."""
    rows: dict[str, list[dict[str, str]]] = {}
    conflicts: dict[str, list[tuple[str, str]]] = {}
    origin: dict[tuple[str, str], str] = {}  # name of the file that says something of an id in a column
    for path, frame in frames:
        of_id: dict[str, list[dict[str, str]]] = {}
        columns = [str(name) for name in frame if name != id_column]
        for id, *texts in frame[[id_column, *columns]].itertuples(index=False, name=None):
            if not is_missing(id):
                of_id.setdefault(id, []).append(dict(zip(columns, texts, strict=True)))
        for id, own in of_id.items():
            earlier = rows.get(id, [{}])
            for name in columns:
                before, now = _known(earlier, name), _known(own, name)
                if before and now and folded(before) != folded(now):
                    problem = f"{name} is {before} in {origin[id, name]} and {now} in {path.name}"
                    conflicts.setdefault(id, []).append((problem, "correct one of the files"))
                elif now:
                    origin.setdefault((id, name), path.name)
            several = range(max(len(own), len(earlier)))
            rows[id] = [_first(earlier[min(k, len(earlier) - 1)], own[min(k, len(own) - 1)]) for k in several]
    lines = [{id_column: id} | row for id, same in rows.items() for row in same]
    held = [name for name in used if any(name in frame for _, frame in frames)]
    return pd.DataFrame(lines, columns=[id_column, *held], dtype=object).fillna(""), conflicts


def _known(rows: Sequence[Mapping[str, str]], name: str) -> str:
    """Return the first text of a column that is not missing, "" if there is none."""
    return next((row[name] for row in rows if not is_missing(row.get(name, ""))), "")


def _first(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Return two rows as one: of each column the first text that is not missing."""
    return {**one, **{name: text for name, text in other.items() if is_missing(one.get(name, ""))}}


def unnamed(frames: Sequence[tuple[Path, pd.DataFrame]], id_column: str) -> Iterator[str]:
    """Yield the rows of several files that have no id."""
    for path, frame in frames:
        if lines := [line for line, id in frame[id_column].items() if is_missing(id)]:
            yield f"{path.name}: {len(lines)} of {len(frame)} rows have no id (line {few(lines)})"
