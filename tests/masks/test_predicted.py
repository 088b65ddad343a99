"""Files of predicted masks: read as written, or refused."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import random_masks

from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.files import FullDisk
from dermoscopy.masks.predicted import PredictedMasks, read_masks, write_masks

INDEX = [7, 3, 50]


@pytest.fixture
def folder(demo_store: Path, tmp_path: Path) -> Path:
    store = open_store(demo_store)
    masks = random_masks(store, INDEX)
    write_masks(tmp_path / "stage" / "masks.h5", masks)
    return tmp_path / "stage"


def test_masks_come_back_as_they_were_written(folder: Path, demo_store: Path) -> None:
    store = open_store(demo_store)
    expected, masks = random_masks(store, INDEX), read_masks(folder / "masks.h5")
    assert masks.ids.tolist() == store.ids[INDEX].tolist() and masks.names == store.mask_names
    assert (masks.fingerprint, masks.exclusive) == (store.fingerprint, False)
    assert (masks.probability == expected.probability).all()
    assert (masks.of(store.ids[[50, 7]]) == expected.probability[[2, 0]]).all()
    with pytest.raises(ValueError, match=f"no predicted masks of 1 images, the first is {store.ids[4]}"):
        masks.of(store.ids[[3, 4]])


def test_masks_are_mapped_and_no_change_reaches_the_file(folder: Path) -> None:
    masks = read_masks(folder / "masks.h5")
    assert isinstance(masks.probability, np.memmap)
    before = (folder / "masks.h5").read_bytes()
    masks.probability[:] = 0
    assert (folder / "masks.h5").read_bytes() == before


def test_damaged_masks_are_named(folder: Path) -> None:
    path = folder / "masks.h5"
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"masks\.h5 holds no complete predicted masks .* delete it"):
            read_masks(path)
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        ids = file["id"][:-1]
        del file["id"]
        file["id"] = ids
    with pytest.raises(ValueError, match="2 ids and 6 names, but uint8"):
        read_masks(path)
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "dermoscopy store"
    with pytest.raises(ValueError, match="format and version are"):
        read_masks(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no predicted masks"):
        read_masks(path)


def test_a_full_disk_is_reported_before_anything_is_written(
    folder: Path, demo_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "masks.h5"
    before, masks = path.read_bytes(), random_masks(open_store(demo_store), INDEX)
    full = shutil.disk_usage(folder)._replace(free=masks.probability.nbytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(FullDisk, match=r"masks\.h5: it needs \S+ MB.* MB are free"):
        write_masks(path, masks)
    assert path.read_bytes() == before


def test_a_write_that_fails_leaves_the_older_file(folder: Path, demo_store: Path) -> None:
    path = folder / "masks.h5"
    before = path.read_bytes()
    masks = random_masks(open_store(demo_store), INDEX)
    with pytest.raises(TypeError):
        write_masks(path, PredictedMasks(masks.ids, masks.names, False, object(), masks.probability))  # type: ignore[arg-type]
    assert path.read_bytes() == before and len(list(folder.iterdir())) == 1
