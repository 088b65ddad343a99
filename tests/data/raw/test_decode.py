"""Decoding of image and mask files to rows of a store."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dermoscopy.data.raw.decode import read_image, read_mask
from dermoscopy.data.raw.problems import UnusableFile
from dermoscopy.data.store.frame import Frame, place, restore

SIZE = (48, 64)


def disc(height: int = 300, width: int = 400, radius: float = 90) -> np.ndarray:
    """Return the coverage of a disc with an anti-aliased edge."""
    y, x = np.mgrid[:height, :width]
    return np.clip(radius - np.hypot(y - height / 2 + 0.5, x - width / 2 + 0.5) + 0.5, 0, 1)


def saved(path: Path, values: np.ndarray, mode: str | None = None, **options: object) -> Path:
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def frame_of(values: np.ndarray, fit: str = "stretch") -> Frame:
    return place(values.shape[:2], SIZE, fit)


def test_one_mask_in_four_encodings_has_the_same_area_within_a_pixel(tmp_path: Path) -> None:
    cover = disc()
    binary = cover >= 0.5
    files = {
        "255": saved(tmp_path / "255.png", (binary * 255).astype(np.uint8)),
        "1": saved(tmp_path / "1.png", binary.astype(np.uint8)),
        "bit": saved(tmp_path / "bit.png", (binary * 255).astype(np.uint8), "1"),
        "grey": saved(tmp_path / "grey.png", np.rint(cover * 255).astype(np.uint8)),
    }
    masks = {name: read_mask(path, SIZE, frame_of(cover), name == "grey") for name, path in files.items()}
    areas = {name: int(mask.sum()) for name, (mask, _) in masks.items()}
    expected = cover.sum() * SIZE[0] * SIZE[1] / cover.size
    assert all(present for _, present in masks.values())
    assert all(set(np.unique(mask)) == {0, 1} for mask, _ in masks.values())
    assert areas["255"] == areas["1"] == areas["bit"]
    assert abs(areas["grey"] - areas["255"]) <= 1
    assert abs(areas["255"] - expected) <= 0.01 * expected


@pytest.mark.parametrize("scale", [1, 2, 3, 11, 150])
def test_a_mask_is_the_area_mean_then_one_half(scale: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(scale)
    size = 6, 8
    full = rng.random((size[0] * scale, size[1] * scale)) < 0.5
    path = saved(tmp_path / "mask.png", (full * 255).astype(np.uint8))
    mask, _ = read_mask(path, size, place(full.shape, size, "stretch"), False)
    mean = full.reshape(size[0], scale, size[1], scale).mean(axis=(1, 3))
    assert (mask == (mean >= 0.5)).all()


@pytest.mark.parametrize("shape", [(131, 257), (60, 60), (48, 64), (20, 30)])
def test_divided_pixels_count_proportionally(shape: tuple[int, int], tmp_path: Path) -> None:
    full = np.random.default_rng(0).random(shape) < 0.5
    path = saved(tmp_path / "mask.png", (full * 255).astype(np.uint8))
    mask, _ = read_mask(path, SIZE, place(shape, SIZE, "stretch"), False)
    fine = np.kron(full, np.ones(SIZE))  # every stored pixel is now a whole number of small ones
    mean = fine.reshape(SIZE[0], shape[0], SIZE[1], shape[1]).mean(axis=(1, 3))
    clear = np.abs(mean - 0.5) > 1e-4
    assert (mask == (mean >= 0.5))[clear].all()


def test_presence_is_that_of_the_original_mask_even_if_the_stored_one_is_empty(tmp_path: Path) -> None:
    values = np.zeros((400, 400), np.uint8)
    values[3, 399] = 255
    path = saved(tmp_path / "mask.png", values)
    mask, present = read_mask(path, (10, 5), place(values.shape, (10, 5), "crop"), False)
    assert present and not mask.any()
    assert read_mask(saved(tmp_path / "none.png", values * 0), SIZE, frame_of(values), False)[1] is False


def test_outside_the_image_a_mask_is_not_annotated_and_the_image_black(tmp_path: Path) -> None:
    white = np.full((100, 200), 255, np.uint8)
    frame = place(white.shape, (64, 64), "pad")
    mask, _ = read_mask(saved(tmp_path / "mask.png", white), (64, 64), frame, False)
    image, _ = read_image(saved(tmp_path / "image.png", np.stack([white] * 3, -1)), (64, 64), "pad")
    inside = slice(16, 48)
    assert (mask[inside] == 1).all() and (image[inside] == 255).all()
    assert (mask[:16] == 255).all() and (mask[48:] == 255).all() and not image[:16].any() and not image[48:].any()


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_restored_mask_overlaps_the_original_one(fit: str, tmp_path: Path) -> None:
    full = disc(301, 403, 60) >= 0.5
    frame = frame_of(full, fit)
    mask, _ = read_mask(saved(tmp_path / "mask.png", (full * 255).astype(np.uint8)), SIZE, frame, False)
    back = restore(mask.astype(np.float32), frame) >= 0.5
    assert (back & full).sum() / (back | full).sum() > 0.95


@pytest.mark.parametrize("shape", [(480, 640), (481, 637), (96, 128), (50, 70), (31, 45)])
def test_a_jpeg_reduced_while_decoding_equals_one_reduced_after_it(shape: tuple[int, int], tmp_path: Path) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    values = np.stack([y, x, (x + y) / 2], -1)
    colours = np.rint(values * 255).astype(np.uint8)
    jpeg, frame = read_image(saved(tmp_path / "a.jpg", colours, quality=98, subsampling=0), SIZE, "crop")
    png, other = read_image(saved(tmp_path / "a.png", colours), SIZE, "crop")
    assert frame == other and jpeg.shape == (*SIZE, 3)
    assert np.abs(jpeg.astype(int) - png).mean() < 1.5


def test_a_constant_image_stays_constant_whatever_the_fit(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", np.full((211, 97, 3), 137, np.uint8))
    assert (read_image(path, SIZE, "crop")[0] == 137).all()
    assert (read_image(path, SIZE, "stretch")[0] == 137).all()
    assert set(np.unique(read_image(path, SIZE, "pad")[0])) == {0, 137}


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_images_that_convert_to_rgb_without_loss_are_accepted(mode: str, tmp_path: Path) -> None:
    values = np.zeros((60, 80, 3), np.uint8)
    values[:, 40:] = 255
    image, _ = read_image(saved(tmp_path / "a.png", values, mode), SIZE, "stretch")
    assert (image[:, 32:] == 255).all() and not image[:, :32].any()


def broken(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return files that are no images for a store, and the expected words about them."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)
    whole = saved(folder / "whole.jpg", colours).read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.jpg").touch()
    (folder / "text.jpg").write_text("not an image")
    (folder / "folder.jpg").mkdir()
    png = saved(folder / "whole.png", colours).read_bytes()
    (folder / "cut.png").write_bytes(png[: len(png) // 2])
    saved(folder / "deep.png", rng.integers(0, 60000, (90, 120), dtype=np.uint16))
    saved(folder / "cmyk.jpg", colours, "CMYK")
    saved(folder / "clear.png", np.dstack([colours, colours[..., 0]]))
    words = {"cut.jpg": "truncated", "zero.jpg": "0 bytes", "text.jpg": "not an image", "folder.jpg": "a folder"}
    more = {
        "cut.png": "cannot be decoded",
        "deep.png": "more than 8 bits",
        "cmyk.jpg": "CMYK",
        "clear.png": "transparent",
    }
    return {name: (folder / name, text) for name, text in {**words, **more}.items()}


def test_each_kind_of_bad_image_is_named(tmp_path: Path) -> None:
    for path, text in broken(tmp_path).values():
        with pytest.raises(UnusableFile) as raised:
            read_image(path, SIZE, "pad")
        assert text in raised.value.problem, path.name


def test_16_bit_colour_is_not_silently_cut_to_8_bits(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(4 * 6)) * 4)
    path = tmp_path / "deep.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    with pytest.raises(UnusableFile, match="more than 8 bits"):
        read_image(path, SIZE, "pad")


def test_random_damage_is_a_problem_or_an_image_but_never_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    for suffix in ("png", "jpg", "tif", "bmp"):
        whole = saved(tmp_path / f"whole.{suffix}", colours).read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            for place_ in rng.integers(0, min(len(data), 400), 4):
                data[place_] = rng.integers(256)
            path = tmp_path / f"damaged.{suffix}"
            path.write_bytes(data)
            try:
                image, _ = read_image(path, (8, 8), "stretch")
            except UnusableFile:
                continue
            assert image.shape == (8, 8, 3)


def test_grey_masks_are_counted_and_near_black_and_white_are_not(tmp_path: Path) -> None:
    values = (disc() >= 0.5).astype(np.uint8) * 255
    clean, _ = read_mask(saved(tmp_path / "clean.png", values), SIZE, frame_of(values), False)
    noise = np.random.default_rng(0).integers(0, 9, values.shape).astype(np.uint8)
    near = np.where(values > 0, 255 - noise, noise)
    assert (read_mask(saved(tmp_path / "near.png", near), SIZE, frame_of(values), False)[0] == clean).all()
    values[:2, :5] = 100
    with pytest.raises(UnusableFile, match="10 grey pixels"):
        read_mask(saved(tmp_path / "grey.png", values), SIZE, frame_of(values), False)


def test_class_numbers_are_not_a_binary_mask(tmp_path: Path) -> None:
    values = np.zeros((60, 80), np.uint8)
    values[:10], values[10:15] = 1, 2
    with pytest.raises(UnusableFile, match="400 grey pixels"):
        read_mask(saved(tmp_path / "classes.png", values), SIZE, frame_of(values), False)


def other_masks() -> dict[str, tuple[Image.Image, str, str]]:
    """Return masks that mean something else, and the expected words about them with grey refused and allowed."""
    cover = disc(60, 80, 20) >= 0.5
    shades = np.select([disc(60, 80, 10) >= 0.5, cover], [2, 1]).astype(np.uint8)
    palette = Image.fromarray(shades, "P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    black = Image.fromarray(cover.astype(np.uint8), "P")
    black.putpalette([0, 0, 0] * 256)
    red, blue, faint = (
        np.where(cover[..., None], colour, 0).astype(np.uint8) for colour in ((255, 0, 0), (0, 0, 60), (1, 0, 0))
    )
    alpha = np.dstack([np.zeros((60, 80, 3), np.uint8), (cover * 255).astype(np.uint8)])
    return {
        "red": (Image.fromarray(red), "coloured", "coloured"),
        "dark blue": (Image.fromarray(blue), "coloured", "coloured"),
        "class 1 in red": (Image.fromarray(faint), "coloured", "coloured"),
        "palette of classes": (palette, "coloured", "coloured"),
        "palette of one colour": (black, "one colour for several values", "one colour for several values"),
        "0 1 2": (Image.fromarray(shades), "0, 1, 2", "0, 1, 2"),
        "only class 20": (Image.fromarray(cover.astype(np.uint8) * 20), "0, 20", "0, 20"),
        "0 128 255": (Image.fromarray(np.array([0, 128, 255], np.uint8)[shades]), "0, 128, 255", "0, 128, 255"),
        "alpha": (Image.fromarray(alpha), "transparent", "transparent"),
        "16 bit": (Image.fromarray(cover.astype(np.uint16) * 65535), "more than 8 bits", "more than 8 bits"),
    }


@pytest.mark.parametrize("kind", other_masks())
@pytest.mark.parametrize("grey", [False, True])
def test_a_mask_that_means_something_else_is_refused_with_its_values(tmp_path: Path, kind: str, grey: bool) -> None:
    image, *words = other_masks()[kind]
    image.save(tmp_path / "a.png")
    with pytest.raises(UnusableFile) as raised:
        read_mask(tmp_path / "a.png", SIZE, place((60, 80), SIZE, "stretch"), grey)
    assert words[grey] in raised.value.problem and raised.value.remedy.startswith("save it")


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "LA", "P"])
@pytest.mark.parametrize("grey", [False, True])
def test_black_and_white_is_read_in_every_colour_mode(tmp_path: Path, mode: str, grey: bool) -> None:
    values = (disc(60, 80, 20) >= 0.5).astype(np.uint8) * 255
    expected, _ = read_mask(saved(tmp_path / "l.png", values), SIZE, frame_of(values), False)
    assert (read_mask(saved(tmp_path / "a.png", values, mode), SIZE, frame_of(values), grey)[0] == expected).all()


def test_a_fax_tiff_with_white_as_zero_and_a_palette_with_white_first_are_read_in_their_colours(tmp_path: Path) -> None:
    values = (disc(60, 80, 20) >= 0.5).astype(np.uint8) * 255
    expected, _ = read_mask(saved(tmp_path / "l.png", values), SIZE, frame_of(values), False)
    Image.fromarray(255 - values).convert("1").save(tmp_path / "a.tif", compression="group4", tiffinfo={262: 0})
    swapped = Image.fromarray((values == 0).astype(np.uint8), "P")
    swapped.putpalette([255, 255, 255, 0, 0, 0])
    swapped.save(tmp_path / "p.png")
    with Image.open(tmp_path / "a.tif") as image:
        shown = np.asarray(image.convert("L"))
    fax, _ = read_mask(tmp_path / "a.tif", SIZE, frame_of(values), False)
    assert (fax == (expected if (shown == values).all() else 1 - expected)).all()
    assert (read_mask(tmp_path / "p.png", SIZE, frame_of(values), False)[0] == expected).all()


def test_edges_and_noise_of_a_jpeg_are_read_where_grey_is_allowed(tmp_path: Path) -> None:
    cover = disc()
    expected, _ = read_mask(
        saved(tmp_path / "a.png", (cover >= 0.5).astype(np.uint8) * 255), SIZE, frame_of(cover), False
    )
    for quality in (30, 75, 95):
        jpeg = saved(tmp_path / "a.jpg", np.rint(cover * 255).astype(np.uint8), quality=quality)
        mask, present = read_mask(jpeg, SIZE, frame_of(cover), True)
        assert present and (mask != expected).mean() < 0.01


def test_a_mask_of_another_size_than_its_image_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "mask.png", np.zeros((400, 300), np.uint8))
    with pytest.raises(UnusableFile, match="mask is 400 x 300, its image 300 x 400"):
        read_mask(path, SIZE, place((300, 400), SIZE, "pad"), False)
