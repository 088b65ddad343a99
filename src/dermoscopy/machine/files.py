"""Atomic writes: files are written under a temporary name, then renamed, so they are complete or absent."""

import errno
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PART = ".part"
STAMP = "%Y-%m-%d_%H-%M-%S"  # names of folders made by `new_folder`, local time
MB = 1e6
# Folders that this process alone may write to, see `dermoscopy.machine.leases`; each with a function that raises an
# error if another process has taken over.
HELD: dict[Path, Callable[[], None]] = {}


class FullDisk(OSError):
    """No room left for a file; until there is some, no other file can be written either."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Explain an error of the block that prevents a file from being written: a full disk, a folder without permission.

    Args:
        path: file or folder that the block writes.

    Raises:
        FullDisk: there is no room left.
        OSError: another reason; an error that is not about this file is raised unchanged.
    """
    try:
        yield
    except OSError as error:
        if explained := _explained(path, error):
            raise explained from error
        raise


def _explained(path: Path, error: OSError) -> OSError | None:
    """Return an error whose message names the file, the reason and the remedy; None if it is not about writing it."""
    if isinstance(error, FullDisk):
        return None
    in_message = re.search(r"errno = (\d+)", str(error))  # HDF5 has the number only there
    number = error.errno or (int(in_message[1]) if in_message else None)
    full = {
        errno.ENOSPC: "there is no room for it",
        errno.EDQUOT: "your quota is used up",
        errno.EFBIG: "no file may be that large (ulimit -f)",
    }
    if number in full:
        return _full(path, full[number])
    if error.filename is None:
        return None
    named = Path(os.fsdecode(error.filename))
    if named.parent != path.parent and named not in (path, *path.parents):
        return None
    folder = _existing(path.parent)
    reasons = {
        errno.EROFS: f"the disk {_mount(folder)} can only be read",
        errno.EACCES: f"you may not write to the folder {folder}",
        errno.EPERM: f"you may not write to the folder {folder}",
        errno.ENOTDIR: f"{folder} is a file, not a folder",
        errno.EEXIST: f"{named} is a file, not a folder",
        errno.ENAMETOOLONG: "its name is too long",
    }
    if number not in reasons and named.suffix != PART:
        return None
    return OSError(f"cannot write {path}: {reasons.get(number or 0) or error.strerror}: choose another folder")


def _full(path: Path, reason: str) -> FullDisk:
    folder = _existing(path.parent)
    total, _, free = shutil.disk_usage(folder)
    room = f"{free / MB:.3g} of {total / MB:.3g} MB are free"
    go_on = "free some space and start the same command again"
    return FullDisk(f"cannot write {path}: {reason} on the disk {_mount(folder)} ({room}): {go_on}")


def check_room(path: Path, needed: int) -> None:
    """Check that a file of `needed` bytes fits on the disk, for writers that do not survive a full one, such as HDF5.

    Raises:
        FullDisk: it does not.
    """
    if shutil.disk_usage(_existing(path.parent)).free < needed:
        raise _full(path, f"it needs {needed / MB:.3g} MB, for which there is no room")


def _existing(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.absolute().parents) if os.path.exists(place))  # noqa: PTH110 (no error)


def _mount(folder: Path) -> Path:
    """Return the folder at which the disk of a folder begins."""
    return next(place for place in (folder.resolve(), *folder.resolve().parents) if place.is_mount())


def check_held(path: Path) -> None:
    """Check that this process still holds the folder of a file, if it has held it.

    Raises:
        OSError: another process has taken over.
    """
    place = Path(os.path.realpath(path))
    for folder, check in tuple(HELD.items()):
        if folder == place or folder in place.parents:
            check()


LONGEST_NAME = 150  # bytes of a text in a file name; file systems allow 255 in all


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside a file; rename it to the file after the block.

    Raises:
        OSError: the file cannot be written; the message says why. The older file is kept.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    with writing(path):
        check_held(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            check_held(path)
            temporary.replace(path)
        finally:
            with suppress(OSError):
                os.truncate(temporary, 0)  # frees its space even if an error keeps it open
            with suppress(OSError):
                temporary.unlink()


def remove_parts(folder: Path) -> None:
    """Remove the temporary files of killed processes from a folder that no other process writes to."""
    for part in folder.glob(f".*{PART}"):
        part.unlink()


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a file so that no reader sees an incomplete one; create its folder if needed."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def append_line(path: Path, line: str) -> None:
    """Append a line to a file, whole or not at all; a killed process may leave the last line without its line break.

    Raises:
        OSError: the disk is full or the folder cannot be written; the file is as before.
    """
    rest = memoryview(line.encode() + b"\n")
    with writing(path):
        check_held(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                while rest:  # a disk that fills takes a part of a line before it takes none
                    rest = rest[file.write(rest) :]
            finally:
                if rest:
                    file.truncate(before)


def write_json(path: Path, content: Mapping[str, object]) -> Path:
    """Write a JSON file; NaN and infinity become null, as JSON has neither."""
    return write_atomically(path, json.dumps(_finite(content), indent=1, default=str) + "\n")


def new_folder(root: Path) -> Path:
    """Make a folder named by the time in `root`; its name comes after all others, also if the clock was set back."""
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        while True:
            times = [time for folder in root.iterdir() if (time := _time(folder.name))]
            moment = datetime.now(UTC).astimezone().replace(tzinfo=None, microsecond=0)
            folder = root / max([moment, *(time + timedelta(seconds=1) for time in times)]).strftime(STAMP)
            with suppress(FileExistsError):  # another process was faster
                folder.mkdir()
                return folder


def _time(name: str) -> datetime | None:
    """Return the time in the name of a folder, None if there is none."""
    try:
        return datetime.strptime(name[:19], STAMP)
    except ValueError:
        return None


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
