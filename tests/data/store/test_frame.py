"""Geometry of a stored image."""

import numpy as np
import pytest

from dermoscopy.data.store.frame import checked_size, place, restore

SHAPES = [
    ((300, 400), (64, 64)),
    ((400, 300), (64, 96)),
    ((37, 53), (40, 20)),
    ((64, 64), (64, 64)),
    ((20, 30), (64, 48)),
]


@pytest.mark.parametrize(("original", "size"), SHAPES)
def test_pad_contains_the_image_crop_lies_inside_and_stretch_is_the_image(
    original: tuple[int, int], size: tuple[int, int]
) -> None:
    height, width = original
    pad, crop, stretch = (place(original, size, fit) for fit in ("pad", "crop", "stretch"))
    assert pad.top <= 0 and pad.left <= 0 and pad.top + pad.height >= height and pad.left + pad.width >= width
    assert crop.top >= 0 and crop.left >= 0
    assert crop.top + crop.height <= height and crop.left + crop.width <= width
    assert stretch == (height, width, 0, 0, height, width)


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize(("original", "size"), SHAPES)
def test_pad_and_crop_keep_the_aspect(fit: str, original: tuple[int, int], size: tuple[int, int]) -> None:
    frame = place(original, size, fit)
    assert abs(frame.height / size[0] - frame.width / size[1]) <= 1 / min(size)  # the box is made of whole pixels


def test_a_pad_computed_by_hand() -> None:
    assert place((300, 400), (100, 100), "pad") == (300, 400, -50, 0, 400, 400)
    assert place((300, 400), (100, 100), "crop") == (300, 400, 0, 50, 300, 300)


def test_restore_puts_every_stored_pixel_where_it_came_from() -> None:
    stored = np.arange(16, dtype=np.uint8).reshape(4, 4)
    padded = restore(stored, place((40, 80), (4, 4), "pad"))
    assert padded.shape == (40, 80)
    assert (padded == np.kron(stored[1:3], np.ones((20, 20)))).all()
    cropped = restore(stored, place((40, 80), (4, 4), "crop"), fill=99)
    assert (cropped[:, 20:60] == np.kron(stored, np.ones((10, 10)))).all()
    assert (cropped[:, :20] == 99).all() and (cropped[:, 60:] == 99).all()


def test_restore_keeps_planes_types_and_constant_probabilities() -> None:
    frame = place((30, 50), (16, 16), "stretch")
    probability = restore(np.full((16, 16, 2), 0.25, np.float32), frame)
    assert probability.shape == (30, 50, 2) and probability.dtype == np.float32
    assert np.allclose(probability, 0.25)
    assert restore(np.ones((16, 16), bool), frame).dtype == bool


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="fit must be pad, crop or stretch, got squash"):
        place((3, 4), (2, 2), "squash")
    for size in ([224], [224, 0], [224.0, 224.0]):
        with pytest.raises(ValueError, match="size must be"):
            checked_size(size)  # type: ignore[arg-type]
