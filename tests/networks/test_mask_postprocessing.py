"""Post-processing of masks: components, holes and dilation, checked by hand and by walks over pixels."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import ndimage

from dermoscopy.networks.mask_postprocessing import MaskPostprocessing, dilated, largest_component, without_holes

DRAWN = """
    . # # # .   # # # . .
    # . . # .   # . # . #
    # . . # .   . # . . .
    . # # . .   . . . # #
    . . . . #   . . . # #
"""


def drawn(first=0, last=None):
    """Return one of the masks drawn above, (1, 1, 5, 5)."""
    rows = [line.split()[first:last] for line in DRAWN.strip().splitlines()]
    return torch.tensor([[[[float(pixel == "#") for pixel in row] for row in rows]]])


def noise(share, height=37, width=53, count=6):
    """Return masks of independent pixels."""
    return (torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(1)) < share).float()


def blobs():
    """Return masks of a few smooth patches."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(6, 1, 37, 53)), (0, 0, 3, 3))
    return torch.from_numpy(smooth > 0.02).float()


MASKS = {"blobs": blobs(), "sparse": noise(0.2), "half": noise(0.5), "dense": noise(0.8)}


def per_plane(mask, function):
    """Apply a function of a plane to every plane of a batch."""
    return torch.stack([torch.from_numpy(function(plane.numpy() > 0)).float() for plane in mask[:, 0]])[:, None]


def test_pixels_that_touch_at_a_corner_are_one_component():
    kept = largest_component(drawn(last=5))
    expected = drawn(last=5)
    expected[0, 0, 4, 4] = 0  # it touches nothing
    assert torch.equal(kept, expected)


def test_of_components_of_equal_size_the_topmost_is_kept():
    mask = torch.zeros(1, 1, 5, 5)
    mask[0, 0, 0, :2] = mask[0, 0, 4, 2:4] = 1
    kept = largest_component(mask)
    assert kept.sum() == 2
    assert kept[0, 0, 0, :2].all()


def test_holes_are_connected_to_the_border_over_sides_only():
    filled = without_holes(drawn(first=5))
    expected = drawn(first=5)
    expected[0, 0, 1, 1] = 1  # closed by corners
    assert torch.equal(filled, expected)


SIDES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
CORNERS = list(product((-1, 1), repeat=2))


def components(plane, steps):
    """Return the sets of pixels connected by the steps, in the order of their first pixels."""
    left, sets = dict.fromkeys(zip(*(places.tolist() for places in plane.nonzero()), strict=True)), []
    while left:
        part, waiting = set(), [next(iter(left))]
        while waiting:
            y, x = pixel = waiting.pop()
            if pixel in left:
                del left[pixel]
                part.add(pixel)
                waiting += [(y + down, x + right) for down, right in steps]
        sets.append(part)
    return sets


def of(pixels, plane):
    result = np.zeros_like(plane)
    result[tuple(zip(*pixels, strict=True))] = True
    return result


@pytest.mark.parametrize("name", MASKS)
def test_the_largest_component_is_that_of_a_walk_over_its_pixels(name):
    def largest(plane):
        return of(max(components(plane, SIDES + CORNERS), key=len), plane)

    assert torch.equal(largest_component(MASKS[name]), per_plane(MASKS[name], largest))


@pytest.mark.parametrize("name", MASKS)
def test_holes_are_background_from_which_no_walk_leads_to_the_border(name):
    def fill(plane):
        ends = [{0, size - 1} for size in plane.shape]
        holes = [part for part in components(~plane, SIDES) if not any(y in ends[0] or x in ends[1] for y, x in part)]
        return plane | of(set().union(*holes), plane) if holes else plane

    filled = without_holes(MASKS[name])
    assert torch.equal(filled, per_plane(MASKS[name], fill))
    assert name == "sparse" or filled.sum() > MASKS[name].sum()


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_dilation_includes_all_pixels_within_the_radius(radius):
    mask = noise(0.01)
    near = per_plane(mask, lambda plane: ndimage.distance_transform_edt(~plane) <= radius)
    assert 0 < near.mean() < 1
    assert torch.equal(dilated(mask, radius), near)


def test_a_winding_component_is_followed_to_its_end():
    mask = torch.zeros(1, 1, 41, 41)
    mask[..., ::2, :] = 1
    mask[..., 1::4, -1] = mask[..., 3::4, 0] = 1  # one winding line
    assert torch.equal(largest_component(mask), mask)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_empty_and_a_full_mask_stay_as_they_are(value):
    mask = torch.full((2, 1, 9, 7), value)
    assert torch.equal(MaskPostprocessing(dilate=0.2, largest=True, fill=True)(mask), mask)


def test_nothing_is_computed_for_disabled_options():
    mask = noise(0.5)
    assert MaskPostprocessing(dilate=0.0, largest=False, fill=False)(mask) is mask


def test_the_region_is_one_component_without_holes_and_its_radius_a_share_of_the_shorter_side():
    region = MaskPostprocessing(dilate=0.08, largest=True, fill=True)(MASKS["blobs"])  # 3 of 37 px
    expected = without_holes(dilated(largest_component(MASKS["blobs"]), 3))
    assert torch.equal(region, expected)
    assert torch.equal(region, without_holes(region))
    assert [ndimage.label(plane, np.ones((3, 3)))[1] for plane in region[:, 0].numpy()] == [1] * len(region)


def test_a_share_out_of_its_range_is_refused():
    with pytest.raises(ValueError, match=r"dilate is a share of the shorter side, in \[0, 1\), got 5"):
        MaskPostprocessing(dilate=5, largest=False, fill=False)
