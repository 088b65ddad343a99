"""Opening of stores and refusal of other files."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.data.store.writer import Layout, Row, new_store

FRAME = (30, 40, -5, 0, 40, 40)


def written(path: Path, count: int = 5, capacity: int | None = None, masks: tuple[str, ...] = ("a", "b")) -> list[Row]:
    rng = np.random.default_rng(0)
    layout = Layout((8, 12), "pad", masks, ("sick",), "made up", "recipe")
    rows = []
    with new_store(path, layout, capacity or count) as writer:
        for index in range(count):
            image = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
            mask = rng.integers(0, 2, (8, 12, len(masks)), dtype=np.uint8)
            rows.append(Row(f"é{index}", f"g{index // 2}", image, mask, [index % 3 - 1], FRAME))  # type: ignore[arg-type]
            writer.append(rows[-1])
    return rows


def same(store: Store, rows: list[Row], mapped: bool) -> bool:
    image = np.stack([row.image for row in rows])
    mask = np.stack([row.mask for row in rows])
    return bool((store.image(mapped) == image).all() and (store.mask(mapped) == mask).all())


@pytest.mark.parametrize("capacity", [5, 9])
@pytest.mark.parametrize("mapped", [False, True])
def test_a_store_returns_the_written_rows_even_when_there_were_fewer_than_expected(
    tmp_path: Path, mapped: bool, capacity: int
) -> None:
    rows = written(tmp_path / "a.h5", capacity=capacity)
    store = open_store(tmp_path / "a.h5")
    assert same(store, rows, mapped)
    assert len(store) == 5 and store.ids.tolist() == [row.id for row in rows]
    assert store.groups.tolist() == ["g0", "g0", "g1", "g1", "g2"]
    assert store.label.tolist() == [[-1], [0], [1], [-1], [0]] and store.label.dtype == np.int8
    assert store.frame.tolist() == [list(FRAME)] * 5 and store.frame.dtype == np.int32
    assert (store.size, store.fit, store.mask_names, store.label_names) == ((8, 12), "pad", ("a", "b"), ("sick",))
    assert store.nbytes == store.image().nbytes + store.mask().nbytes
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_a_mapped_store_is_a_piece_of_the_file_that_writing_cannot_change(tmp_path: Path) -> None:
    written(tmp_path / "a.h5")
    image = open_store(tmp_path / "a.h5").image(mapped=True)
    assert isinstance(image, np.memmap)
    image[:] = 7
    assert (open_store(tmp_path / "a.h5").image() != 7).any()


def test_a_store_may_have_no_masks(tmp_path: Path) -> None:
    written(tmp_path / "a.h5", masks=(), capacity=6)
    store = open_store(tmp_path / "a.h5")
    assert store.mask().shape == store.mask(mapped=True).shape == (5, 8, 12, 0)


def test_a_file_that_is_no_store_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(FileNotFoundError, match=r"a.h5: make it with `python prepare.py data=NAME`"):
        open_store(path)
    path.write_text("no HDF5")
    with pytest.raises(ValueError, match=r"a.h5 is no complete store"):
        open_store(path)
    h5py.File(path, "w").close()
    with pytest.raises(ValueError, match="no store"):
        open_store(path)
    written(path)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 100):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"no complete store .* make it again"):
            open_store(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(ValueError, match="version 99, not 1"):
        open_store(path)


def test_where_a_store_is_missing_those_of_other_sizes_are_named(tmp_path: Path, monkeypatch) -> None:
    written(tmp_path / "data/mine-8x12.h5")
    written(tmp_path / "data/other-8x12.h5")
    (tmp_path / "data/mine-9x9.h5").write_text("damaged")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as raised:
        open_store("data/mine-64x64.h5")
    text = str(raised.value)
    assert f"no store {tmp_path}/data/mine-64x64.h5 (relative paths begin in {tmp_path})" in text
    assert "data/mine-8x12.h5 of data.size=[8,12] and data.fit=" in text and "other" not in text and "9x9" not in text
    with pytest.raises(FileNotFoundError) as raised:
        open_store(tmp_path / "absent/a.h5")
    assert "relative" not in str(raised.value) and "there is" not in str(raised.value)
