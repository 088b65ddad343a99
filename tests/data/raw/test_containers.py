"""Encoded images in one HDF5 file are read like files in a folder."""

from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import open_store


def encoded(value: int) -> bytes:
    file = BytesIO()
    Image.fromarray(np.full((20, 30, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("kind", ["void", "uint8"])
def test_every_way_of_keeping_bytes_is_read(tmp_path: Path, kind: str):
    with h5py.File(tmp_path / "images.hdf5", "w") as file:
        for name, value in (("b", 200), ("a", 100)):
            data = encoded(value)
            file.create_dataset(name, data=np.void(data) if kind == "void" else np.frombuffer(data, np.uint8))
    store = open_store(prepare(FolderSource(tmp_path, "images.hdf5/{id}"), tmp_path / "s.h5", (16, 16), progress=False))
    assert store.ids.tolist() == ["a", "b"]
    assert store.image()[:, 8, 8, 0].tolist() == [100, 200]


def test_a_damaged_image_is_a_problem_of_its_own_and_a_changed_file_is_prepared_again(tmp_path: Path):
    file = tmp_path / "images.hdf5"
    with h5py.File(file, "w") as target:
        target["a"], target["b"] = np.void(encoded(1)), np.void(b"no picture")
    source = FolderSource(tmp_path, "images.hdf5/{id}")
    with pytest.raises(ValueError, match=r"images.hdf5/b +not an image in a known format"):
        prepare(source, tmp_path / "s.h5", (16, 16), progress=False)
    first = prepare(source, tmp_path / "s.h5", (16, 16), on_error="skip", progress=False)
    assert open_store(first).ids.tolist() == ["a"]
    assert source.listing().files == [file]


def test_what_holds_no_encoded_images_is_refused(tmp_path: Path):
    with h5py.File(tmp_path / "images.hdf5", "w") as file:
        file["image"] = np.zeros((4, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="images.hdf5 holds no encoded images"):
        FolderSource(tmp_path, "images.hdf5/{id}").listing()
    (tmp_path / "other.h5").write_bytes(b"text")
    with pytest.raises(ValueError, match="other.h5 is no complete HDF5 file"):
        FolderSource(tmp_path, "other.h5/{id}").listing()
