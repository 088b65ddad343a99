"""Pixels: a reduced store is the store that would have been made at that size."""

import pytest
import torch

from dermoscopy.data.batches.pixels import Pixels, reduce_images, reduce_masks
from dermoscopy.data.prepare import prepare
from dermoscopy.data.store.reader import open_store
from dermoscopy.masks.encoding import unpack


def taken(store, memory: str, reduce: int) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = Pixels(store, [0, 3], memory, reduce)
    pixels.load(torch.device("cpu"))
    rows = torch.arange(len(store))
    return pixels.take_images(rows), unpack(pixels.take_codes(rows), 2)


def test_a_reduced_store_is_that_of_the_smaller_size(demo_source, demo_store, tmp_path):
    # 48 x 64 is padded to 32 x 32, so that a stored pixel is 2 x 2 of a file, and a reduced one 4 x 4
    small = open_store(prepare(demo_source, tmp_path / "small.h5", (16, 16), progress=False))
    image, mask = taken(open_store(demo_store), "memory", 2)
    expected_image, expected_mask = taken(small, "memory", 1)
    assert image.shape == expected_image.shape
    difference = (image.int() - expected_image.int()).abs().float()
    assert difference.mean() < 1 and difference.max() < 8  # for the smaller store a JPEG is decoded at half its size
    assert (mask != expected_mask).float().mean() < 0.02  # the half of a half is rounded up
    assert torch.equal(mask == 0, expected_mask == 0)


@pytest.mark.parametrize("reduce", [1, 4])
def test_a_mapped_store_gives_the_same_pixels(demo_store, reduce):
    whole, mapped = (taken(open_store(demo_store), memory, reduce) for memory in ("memory", "map"))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(whole, mapped, strict=True))


def test_images_average_visible_pixels_and_masks_are_present_where_half_of_the_known_pixels_are():
    image = torch.tensor([[10, 20, 0, 0], [30, 41, 0, 0], [8, 0, 0, 0], [9, 0, 0, 0]], dtype=torch.uint8)[None, None]
    visible = image > 0
    assert reduce_images(image, visible, 2)[0, 0].tolist() == [[25, 0], [8, 0]]
    mask = torch.tensor([[1, 1, 255, 1], [0, 0, 0, 0], [255, 255, 1, 255], [255, 255, 255, 255]], dtype=torch.uint8)
    assert reduce_masks(mask[None, None], 2)[0, 0].tolist() == [[1, 0], [255, 1]]


@pytest.mark.parametrize("reduce", [0, -2, 3, 1.5, None])
def test_a_reduction_that_does_not_divide_the_size_is_refused_by_its_key(demo_store, reduce):
    with pytest.raises(ValueError, match="reduce must be a whole number that divides 32 and 32"):
        Pixels(open_store(demo_store), [], "auto", reduce)
