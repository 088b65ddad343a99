"""Tests of batches of the images of a folder, decoded only a little ahead."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from dermoscopy.predict.folders import find_images
from dermoscopy.predict.images import decode, read_batches


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
    """A folder of three images, one of them in a subfolder and one turned by EXIF, and two unreadable ones."""
    (tmp_path / "deeper").mkdir()
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    for name, exif in {"a.png": None, "deeper/b.PNG": None, "c.jpg": turned}.items():
        Image.new("RGB", (8, 4), (10, 20, 30)).save(tmp_path / name, exif=exif)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "nowhere.jpg").symlink_to("none")
    return tmp_path


def test_batches_hold_the_readable_images_in_order_and_the_others_are_problems(folder):
    images = find_images(folder)
    batches = list(read_batches(images, (8, 8), "pad", batch_size=2, workers=1, on_error="skip"))
    assert [id for batch in batches for id in batch.ids] == list(images.files) == ["a", "c", "deeper/b"]
    assert batches[0].image.shape[1:] == (3, 8, 8) and batches[0].frame.shape[1] == 6
    assert [problem.file for problem in images.left_out] == ["broken.jpg", "nowhere.jpg"]
    with pytest.raises(ValueError, match=r"2; repair the files(.|\n)*broken.jpg(.|\n)*nowhere.jpg"):
        list(read_batches(find_images(folder), (8, 8), "pad", batch_size=3, workers=1))


def test_turned_images_are_noticed_and_used_as_stored(folder):
    images = find_images(folder)
    batches = list(read_batches(images, (4, 8), "pad", batch_size=8, workers=1, on_error="skip"))
    assert images.turned == ["c"] and batches[0].frame[1].tolist() == [4, 8, 0, 0, 4, 8]
    folder.joinpath("d.jpg").write_bytes((folder / "c.jpg").read_bytes().replace(b"MM\0*", b"XX\0*"))  # damaged EXIF
    images = find_images(folder)
    assert len(list(read_batches(images, (4, 8), "pad", batch_size=1, workers=1, on_error="skip"))) == 4
    assert images.turned == ["c"]


def test_no_readable_image_is_an_error_even_if_problems_are_skipped(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"1; no image is left(.|\n)*broken.jpg"):
        list(read_batches(find_images(tmp_path), (8, 8), "pad", batch_size=3, workers=1, on_error="skip"))
