"""Tests of atomic writes: files are complete or absent."""

import errno
import io
import json
import math
import os
from datetime import datetime
from pathlib import Path

import pytest

from dermoscopy.machine import files
from dermoscopy.machine.files import (
    FullDisk,
    append_line,
    atomic_path,
    file_name,
    new_folder,
    write_atomically,
    write_json,
    writing,
)


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "new" / "a.txt", "old")

    def fail(self, target):
        raise OSError("disk gone")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(OSError, match="disk gone"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_nan_and_infinity_become_null_in_json(tmp_path):
    path = write_json(tmp_path / "a.json", {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": None}})
    assert json.loads(path.read_text()) == {"a": None, "b": [None, 1.5], "c": {"d": None}}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        OSError("Unable to write (errno = 28, error message = 'No space left on device')"),  # of HDF5
    ],
)
def test_a_full_disk_is_named_with_its_free_space_and_leaves_nothing(tmp_path, error):
    with pytest.raises(FullDisk) as raised, atomic_path(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise error
    message = str(raised.value)
    assert "\n" not in message
    assert str(tmp_path / "a.txt") in message and "MB are free" in message and "same command" in message
    assert not list(tmp_path.iterdir())


def test_a_part_that_an_error_keeps_open_takes_no_room(tmp_path):
    with pytest.raises(ValueError), atomic_path(tmp_path / "a.txt") as part:
        file = part.open("wb")
        file.write(bytes(100))
        file.flush()
        raise ValueError
    assert os.fstat(file.fileno()).st_size == 0
    file.close()


def test_a_folder_that_cannot_be_written_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"cannot write .*a.txt: {tmp_path / 'file'} is a file, not a folder"):
        write_atomically(tmp_path / "file" / "below" / "a.txt", "")
    with pytest.raises(OSError, match="cannot write .*: its name is too long"):
        write_atomically(tmp_path / ("a" * 300), "")
    for number, reason in (
        (errno.EROFS, "can only be read"),
        (errno.EACCES, f"may not write to the folder {tmp_path}"),
    ):
        with pytest.raises(OSError, match=reason), writing(tmp_path / "a.txt"):
            raise OSError(number, "refused", str(tmp_path / "a.txt"))


def test_an_error_about_another_file_is_raised_unchanged(tmp_path):
    for error in (FileNotFoundError(errno.ENOENT, "no", "raw.jpg"), PermissionError(errno.EACCES, "no", "raw.jpg")):
        with pytest.raises(type(error)) as raised, atomic_path(tmp_path / "a.txt"):
            raise error
        assert raised.value is error


class Clock(datetime):
    """A clock that shows what the test sets."""

    shows = datetime(2026, 3, 1, 12).astimezone()

    @classmethod
    def now(cls, tz=None):
        return cls.shows.astimezone(tz)


def test_folders_named_by_the_time_keep_their_order_when_the_clock_is_set_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "datetime", Clock)
    names = [new_folder(tmp_path / "new").name for _ in range(2)]  # within one second
    monkeypatch.setattr(Clock, "shows", datetime(2026, 3, 1, 11).astimezone())
    (tmp_path / "new" / "own name").mkdir()
    names += [new_folder(tmp_path / "new").name for _ in range(2)]
    monkeypatch.setattr(Clock, "shows", datetime(2026, 3, 1, 13).astimezone())
    names += [new_folder(tmp_path / "new").name]
    assert names == sorted(set(names))
    assert names[0] == "2026-03-01_12-00-00" and names[-1] == "2026-03-01_13-00-00"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
def test_a_small_disk_that_fills_is_named(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=64k tmpfs {small} 2>/dev/null") != 0:
        pytest.skip("this machine allows no file systems")
    try:
        write_atomically(small / "a.bin", bytes(10_000))
        with pytest.raises(FullDisk, match=f"cannot write .*b.bin: .* on the disk {small} "):
            write_atomically(small / "b.bin", bytes(100_000))
        assert [path.name for path in small.iterdir()] == ["a.bin"]
        write_json(small / "c.json", {})
        with pytest.raises(FullDisk, match=f"cannot write .*d.jsonl: .* on the disk {small} "):
            for _ in range(64):
                append_line(small / "d.jsonl", "x" * 1000)
        lines = (small / "d.jsonl").read_text().splitlines()
        assert lines and set(lines) == {"x" * 1000}
    finally:
        assert os.system(f"umount {small}") == 0


@pytest.mark.parametrize("fits", [0, 1, 9, 10])
def test_a_line_that_does_not_fit_is_not_written_at_all(tmp_path, room, fits):
    path = tmp_path / "new" / "a.jsonl"
    append_line(path, "é" * 4)
    room(9 + fits)
    with pytest.raises(OSError):
        append_line(path, "x" * 10)
    room(-1)
    append_line(path, "y")
    assert path.read_text() == "éééé\ny\n"


def test_a_line_that_is_written_in_parts_is_whole(tmp_path, monkeypatch):
    class Slow(io.FileIO):
        def write(self, data):
            return super().write(data[:3])

    monkeypatch.setattr(Path, "open", lambda path, mode, buffering: Slow(path, mode))
    for line in ("a" * 10, "b" * 11):
        append_line(tmp_path / "a.jsonl", line)
    monkeypatch.undo()
    assert (tmp_path / "a.jsonl").read_bytes() == b"a" * 10 + b"\n" + b"b" * 11 + b"\n"


def test_texts_of_any_characters_have_file_names_of_their_own(tmp_path):
    assert file_name("zeroing=cells_80, loss=bce+0.1") == "zeroing=cells_80__loss=bce+0.1"
    texts = ("a/b", "a:b", "a\\b", "a*b", "../a", "\0", "é" * 200, "é" * 199 + "e", "caf\udce9", "[a,b]", "'x'")
    names = [file_name(text) for text in texts]
    for name in names:
        (tmp_path / f"panels-{name}.png").touch()
    assert len(list(tmp_path.iterdir())) == len(texts)
