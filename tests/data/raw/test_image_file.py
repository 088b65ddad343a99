"""Opening of image files."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from dermoscopy.data.raw import image_file
from dermoscopy.data.raw.decode import read_image
from dermoscopy.data.raw.image_file import is_rotated
from dermoscopy.data.raw.problems import UnusableFile

COLOURS = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)


def fault(path: Path) -> UnusableFile:
    with pytest.raises(UnusableFile) as raised:
        read_image(path, (8, 8), "pad")
    return raised.value


@pytest.mark.parametrize("suffix", ["tif", "gif", "webp", "png"])
def test_several_images_in_one_file_are_refused_and_counted(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    assert "3 images" in fault(tmp_path / f"a.{suffix}").problem


def test_smaller_previews_in_the_same_file_do_not_count(tmp_path: Path) -> None:
    whole, colour = Image.new("RGB", (60, 40), "red"), (255, 0, 0)
    whole.save(tmp_path / "a.tif", save_all=True, append_images=[whole.reduce(2), whole.reduce(4)])
    whole.save(tmp_path / "b.jpg", format="MPO", save_all=True, append_images=[whole])
    for name in ("a.tif", "b.jpg"):
        image, frame = read_image(tmp_path / name, (40, 60), "stretch")
        assert frame[:2] == (40, 60) and np.abs(image.astype(int) - colour).max() < 3


def huge(path: Path, width: int, height: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    return path


def test_the_limit_of_pixels_is_that_of_this_project_and_its_remedy_is_to_scale_down(tmp_path: Path) -> None:
    error = fault(huge(tmp_path / "a.png", 30_000, 20_000))
    assert "600 million pixels" in error.problem and "scale it down to at most 536 million" in error.remedy
    assert "cannot be decoded" in fault(huge(tmp_path / "b.png", 14_000, 13_000)).problem  # it is only cut


def test_an_image_beyond_the_limit_of_pillow_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Image.MAX_IMAGE_PIXELS is None
    monkeypatch.setattr(image_file, "MOST_PIXELS", 40 * 60)
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", (8, 8), "pad")[0].any()
    monkeypatch.setattr(image_file, "MOST_PIXELS", 40 * 60 - 1)
    assert "scale it down" in fault(tmp_path / "a.png").remedy


def test_the_rotation_of_exif_data_is_recognised_in_every_format(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright = Image.Exif()
    upright[ExifTags.Base.Orientation] = 1
    for suffix in ("jpg", "png", "webp"):
        Image.fromarray(COLOURS).save(tmp_path / f"turned.{suffix}", exif=exif)
        Image.fromarray(COLOURS).save(tmp_path / f"upright.{suffix}", exif=upright)
        Image.fromarray(COLOURS).save(tmp_path / f"plain.{suffix}")
        assert [is_rotated(tmp_path / f"{name}.{suffix}") for name in ("turned", "upright", "plain")] == [
            True,
            False,
            False,
        ]
        assert read_image(tmp_path / f"turned.{suffix}", (8, 8), "pad")[1][:2] == (40, 60)
    assert is_rotated(tmp_path / "missing.jpg") is False


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2)])
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_tiny_and_narrow_images_are_read(tmp_path: Path, shape: tuple[int, int], fit: str, suffix: str) -> None:
    Image.fromarray(np.full((*shape, 3), 200, np.uint8)).save(tmp_path / f"a.{suffix}")
    image, frame = read_image(tmp_path / f"a.{suffix}", (16, 24), fit)
    assert frame[:2] == shape and image.max() >= 198


def test_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", format="PNG")
    assert (read_image(tmp_path / "a.jpg", (40, 60), "stretch")[0] == COLOURS).all()


def test_links_and_pipes_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "link to a file that does not exist" in fault(tmp_path / "broken.jpg").problem
    assert "cannot be read" in fault(tmp_path / "loop.jpg").problem
    assert "pipe" in fault(tmp_path / "pipe.jpg").problem
