"""Atomic writes: files are written under a temporary name, then renamed, so they are complete or absent."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PART = ".part"
LONGEST_NAME = 150  # bytes of a text in a file name; file systems allow 255 in all


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside a file; rename it to the file after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove the temporary files of killed processes from a folder that no other process writes to."""
    for part in folder.glob(f".*{PART}"):
        part.unlink()


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a file so that no reader sees an incomplete one; create its folder if needed."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_json(path: Path, content: Mapping[str, object]) -> Path:
    """Write a JSON file; NaN and infinity become null, as JSON has neither."""
    return write_atomically(path, json.dumps(_finite(content), indent=1, default=str) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file written by this package.

    Raises:
        ValueError: it is damaged.
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


def file_name(text: str) -> str:
    """Return a text of any characters, such as the name of an arm or a mask, in a form that can be part of a file name.

    Spaces and commas become `_`. Where more has to be changed, digits of a hash keep different texts apart.
    """
    plain = re.sub(r"[^\w.=+-]", "_", text)
    if re.fullmatch(r"[\w.=+, -]*", text) and len(plain.encode()) <= LONGEST_NAME:
        return plain
    digits = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:6]
    return f"{plain.encode()[: LONGEST_NAME - 7].decode(errors='ignore')}-{digits}"


def shown_path(path: Path) -> str:
    """Return a path as text, relative to the current folder if it lies below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
