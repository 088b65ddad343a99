"""Files that are whole or not there: written under a temporary name, then renamed."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PART = ".part"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside a file, which gets its own name when the block has written it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what a process that was killed in writing left in a folder that nobody else writes to now."""
    for part in folder.glob(f".*{PART}"):
        part.unlink()


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a file so that no reader ever meets half of it; make its folder if need be."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_json(path: Path, content: Mapping[str, object]) -> Path:
    """Write a JSON file; NaN and infinity become null, as JSON knows neither."""
    return write_atomically(path, json.dumps(_finite(content), indent=1, default=str) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that we wrote.

    Raises:
        ValueError: somebody has damaged it.
    """
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it, and start the same command again") from error


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def shown_path(path: Path) -> str:
    """A path as it is short: from the current folder if it lies below."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near
