"""Tests of batches of the images of a folder, decoded only a little ahead."""

import numpy as np
import pytest
from PIL import Image

from dermoscopy.predict.images import decode, find_images, read_batches


def test_decoding_stays_only_a_little_ahead(tmp_path, monkeypatch):
    for index in range(20):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / f"{index:02}.png")
    begun = []
    monkeypatch.setattr(
        "dermoscopy.predict.images.read_image", lambda path, size, fit: (np.zeros((8, 8, 3)), begun.append(path))
    )
    images = decode(find_images(tmp_path), (8, 8), "pad", ahead=4, workers=1)
    assert next(images).id == "00"
    images.close()
    assert len(begun) <= 5


@pytest.fixture
def folder(tmp_path):
    """A folder of three images, one of them in a subfolder, two of the same id, a broken one, and other files."""
    (tmp_path / "deeper").mkdir()
    for name in ("a.png", "deeper/b.PNG", "c.bmp", "same.png", "same.bmp", ".hidden.png"):
        Image.new("RGB", (8, 4), (10, 20, 30)).save(tmp_path / name, format="PNG")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_ids_are_relative_paths_and_two_images_of_one_id_are_a_problem(folder):
    images = find_images(folder)
    assert list(images.files) == ["a", "broken", "c", "deeper/b"]
    assert [problem.file for problem in images.problems] == ["same.bmp"]
    assert list(find_images(folder / "a.png").files) == ["a"]
    with pytest.raises(FileNotFoundError, match="images=.*none does not exist"):
        find_images(folder / "none")


def test_batches_hold_the_readable_images_in_order(folder, capsys):
    batches = list(read_batches(find_images(folder), (8, 8), "pad", batch_size=3, workers=1, on_error="skip"))
    assert [id for batch in batches for id in batch.ids] == ["a", "c", "deeper/b"]
    assert batches[0].image.shape[1:] == (3, 8, 8) and batches[0].frame.shape[1] == 6
    assert "broken.jpg" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"2; repair the files(.|\n)*broken.jpg"):
        list(read_batches(find_images(folder), (8, 8), "pad", batch_size=3, workers=1))
