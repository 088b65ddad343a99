"""Which data set a folder looks like, for the user who has named another one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dermoscopy.data.raw.label_files import read_entries
from dermoscopy.data.raw.patterns import Matches
from dermoscopy.machine.files import shown_path

MOST = 20  # folders below that are looked at


def recognised(root: Path, conf: Path, name: str) -> str:
    """Return what a folder, one below it or the one above it looks like and what to type, "" if nothing.

    Args:
        root: that the user has named.
        conf: folder of the configurations.
        name: of the data set that the user has named.
    """
    known = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((conf / "data").glob("*.yaml"))}
    for folder in _near(root):
        for other, data in known.items():
            if (folder, other) != (root, name) and _looks_like(folder, data.get("source") or {}):
                place = f"{root} looks like" if folder == root else f"{shown_path(folder)} looks like"
                raw = "" if folder == root else f" data.raw={shown_path(folder)}"
                return f"{place} data={other}: type data={other}{raw}"
    return ""


def _near(root: Path) -> Iterator[Path]:
    """Yield a folder, some of those in it, and the one that holds it."""
    yield root
    if root.is_dir():
        yield from sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())[:MOST]
    yield root.absolute().parent


def _looks_like(folder: Path, source: dict[str, Any]) -> bool:
    """Return whether a folder has images of a data set, and its tables if it has some."""
    if not folder.is_dir() or not isinstance(source.get("images"), str) or not source.get("csv"):
        return False  # data=folders and data=demo take anything
    try:
        tables = [path for entry in read_entries(source["csv"]) for path in entry.paths(folder)]
    except (FileNotFoundError, ValueError):
        return False
    return all(path.is_file() for path in tables) and bool(Matches(folder, source["images"]).files)
