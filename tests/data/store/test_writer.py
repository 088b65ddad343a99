"""A store is written completely or not at all, and its fingerprint is that of its content."""

from pathlib import Path

import numpy as np
import pytest

from dermoscopy.data.store.frame import Frame
from dermoscopy.data.store.reader import open_store
from dermoscopy.data.store.writer import Layout, Row, new_store, remove_stale


def written(path: Path, count: int = 5, capacity: int | None = None) -> None:
    """Write a store of random images, always the same."""
    rng = np.random.default_rng(0)
    with new_store(
        path, Layout((8, 12), "pad", ("a", "b"), ("sick",), "made up", "recipe"), capacity or count
    ) as writer:
        for index in range(count):
            image = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
            mask = rng.integers(0, 2, (8, 12, 2), dtype=np.uint8)
            writer.append(Row(f"{index}", "g", image, mask, [index % 3 - 1], Frame(30, 40, -5, 0, 40, 40)))


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    written(tmp_path / "a.h5")
    written(tmp_path / "b.h5", capacity=7)
    written(tmp_path / "c.h5", count=4)
    a, b, c = (open_store(tmp_path / f"{name}.h5").fingerprint for name in "abc")
    assert a == b != c


def test_an_error_while_writing_leaves_the_old_store_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(KeyboardInterrupt), new_store(tmp_path / "a.h5", Layout((2, 2), "pad", (), (), "", ""), 3):
        raise KeyboardInterrupt
    assert (tmp_path / "a.h5").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_files_left_by_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path / "a.h5")
    for name in (".a.h5.xy.part", "b.part", ".b.h5.xy.part"):
        (tmp_path / name).write_bytes(b"half a store")
    remove_stale(tmp_path / "a.h5")
    assert {path.name for path in tmp_path.iterdir()} == {"a.h5", "b.part", ".b.h5.xy.part"}
