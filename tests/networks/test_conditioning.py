"""Conditioning of an image: masking, filling and cropping, equal to masking the image before normalisation."""

from itertools import product

import pytest
import torch
from scipy import ndimage
from torch.nn.functional import interpolate

from dermoscopy.networks.conditioning import EMPTY, FILL, KEEP, Conditioning

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HEIGHT, WIDTH = 24, 32


def conditioning(**changes):
    given = {"keep": "all", "fill": "black", "blur": 0.1, "crop": None, "channel": False, "empty": "whole"}
    return Conditioning(**given | {"mean": MEAN, "std": STD} | changes)


def rgb(count=2):
    """Return images in 0 ... 1."""
    return torch.rand(count, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))


def normalised(image):
    return (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def mask(*boxes):
    """Return one mask per argument: the box (top, bottom, left, right), or an empty one for None."""
    drawn = torch.zeros(len(boxes), 1, HEIGHT, WIDTH)
    for plane, box in zip(drawn, boxes, strict=True):
        if box:
            plane[0, box[0] : box[1], box[2] : box[3]] = 1
    return drawn


TWO = mask((4, 12, 8, 20), (2, 22, 1, 9))


def a_cross():
    """Return a mask that does not fill its box, rows 4 to 12 and columns 8 to 20."""
    return torch.maximum(mask((4, 12, 13, 15), (4, 12, 13, 15)), mask((7, 9, 8, 20), (7, 9, 8, 20)))


@pytest.mark.parametrize("fill", FILL)
@pytest.mark.parametrize("keep", ["lesion", "background", "outside_box", "nothing"])
def test_it_equals_masking_the_image_before_it_is_normalised(keep, fill):
    image, cross = rgb(), a_cross()
    blurred = torch.from_numpy(
        ndimage.gaussian_filter(image.double().numpy(), (0, 0, 2.4, 2.4), mode="nearest", radius=(0, 0, 8, 8))
    ).float()
    filling = {
        "black": torch.zeros_like(image),
        "mean": image.mean((2, 3), keepdim=True).expand_as(image),
        "blur": blurred,
    }
    box = mask((4, 12, 8, 20), (4, 12, 8, 20))
    kept = {"lesion": cross, "background": 1 - cross, "outside_box": 1 - box, "nothing": torch.zeros_like(cross)}
    expected = normalised(torch.where(kept[keep] > 0, image, filling[fill]))
    seen, channel = conditioning(keep=keep, fill=fill)(normalised(image), cross)
    torch.testing.assert_close(seen, expected, rtol=0, atol=2e-6)
    assert channel is None


def test_kept_pixels_are_exactly_unchanged_and_black_ones_are_the_normalised_zero():
    image = normalised(rgb())
    seen, _ = conditioning(keep="lesion")(image, TWO)
    lesion = (TWO > 0).expand_as(image)
    assert torch.equal(seen[lesion], image[lesion])
    assert torch.equal(seen[0, :, 0, 0], -torch.tensor(MEAN) / torch.tensor(STD))


def test_with_everything_off_the_image_is_returned_unchanged():
    image = normalised(rgb())
    seen, channel = conditioning()(image, TWO)
    assert seen is image
    assert channel is None
    assert not conditioning().reads_mask


def test_the_channel_is_signed_and_unknown_where_the_mask_is_empty():
    _, channel = conditioning(channel=True)(normalised(rgb(3)), mask((4, 12, 8, 20), None, (0, 1, 0, 1)))
    assert channel.unique().tolist() == [-1, 0, 1]
    assert torch.equal(channel[0], 2 * TWO[0] - 1)
    assert not channel[1].any()
    _, channel = conditioning(channel=True, empty="black")(normalised(rgb(1)), mask(None))
    assert (channel == -1).all()


@pytest.mark.parametrize("crop", [None, 0.2])
@pytest.mark.parametrize("keep", KEEP)
def test_an_empty_mask_leaves_the_image_unchanged_or_is_all_background(keep, crop):
    image, empty = normalised(rgb(1)), mask(None)
    black = normalised(torch.zeros(1, 3, HEIGHT, WIDTH))
    whole, _ = conditioning(keep=keep, crop=crop)(image, empty)
    torch.testing.assert_close(whole, black if keep == "nothing" else image, rtol=0, atol=1e-5)
    literal, _ = conditioning(keep=keep, crop=crop, empty="black")(image, empty)
    torch.testing.assert_close(literal, black if keep in ("lesion", "nothing") else image, rtol=0, atol=1e-5)


def test_a_crop_of_the_image_s_own_aspect_is_cut_out_and_enlarged():
    image = normalised(rgb(1))
    seen, channel = conditioning(crop=0.0, channel=True)(image, mask((6, 18, 8, 24)))  # half of either side
    expected = interpolate(image[..., 6:18, 8:24], (HEIGHT, WIDTH), mode="bilinear", align_corners=False)
    inner = (..., slice(1, -1), slice(1, -1))  # the outermost pixels also interpolate from outside the box
    torch.testing.assert_close(seen[inner], expected[inner], rtol=0, atol=1e-5)
    assert (channel[inner] == 1).all()


def test_a_crop_keeps_the_image_s_aspect_and_its_margin_is_a_share_of_the_longer_side():
    # 12 x 4 px, and 6 px on every side: 24 rows, all there are, and so all columns: shifted, not enlarged
    image = normalised(rgb(1))
    seen, channel = conditioning(crop=0.5, channel=True)(image, mask((8, 20, 12, 16)))
    black = normalised(torch.zeros(1, 3, HEIGHT, WIDTH))
    expected, signed = black.clone(), torch.zeros(1, 1, HEIGHT, WIDTH)
    expected[..., :22, 2:] = image[..., 2:, :30]  # its centre is 2 rows below the image's, and 2 columns left of it
    signed[..., :22, 2:] = (2 * mask((8, 20, 12, 16)) - 1)[..., 2:, :30]
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(channel, signed, rtol=0, atol=1e-5)


@pytest.mark.parametrize("crop", [0.0, 0.1])
def test_a_picture_of_a_crop_is_mapped_back_to_its_position(crop):
    smooth = interpolate(rgb(2), (4, 4))
    smooth = interpolate(smooth, (HEIGHT, WIDTH), mode="bicubic") + 1  # so that a pixel between others is their mean
    see = conditioning(crop=crop)
    box = mask((6, 18, 8, 24), (2, 10, 3, 9))
    seen, _ = see(smooth, box)
    placed = see.to_image_coordinates(seen, box)
    inside = box[:, 0].bool()
    torch.testing.assert_close(*(values.movedim(1, -1)[inside] for values in (placed, smooth)), rtol=0, atol=0.2)
    assert (placed[0, :, :, :2] == 0).all() and (placed[1, :, :, -8:] == 0).all()
    whole = see.to_image_coordinates(smooth, mask(None, None))  # empty masks, so the whole image was kept
    torch.testing.assert_close(whole, smooth, rtol=0, atol=1e-4)
    assert conditioning(crop=None).to_image_coordinates(smooth, box) is smooth


def test_images_of_a_batch_are_conditioned_as_they_are_alone():
    image = normalised(rgb(3))
    masks = torch.cat([TWO, mask(None)])
    for keep, fill, empty in product(KEEP, FILL, EMPTY):
        see = conditioning(keep=keep, fill=fill, empty=empty, crop=0.1, channel=True)
        together = see(image, masks)
        alone = [see(image[i : i + 1], masks[i : i + 1]) for i in range(3)]
        for part, parts in zip(together, zip(*alone, strict=True), strict=True):
            torch.testing.assert_close(part, torch.cat(parts), rtol=0, atol=1e-5)


def test_every_combination_of_options_is_finite_and_of_the_image_s_size():
    image, masks = normalised(rgb(3)), torch.cat([TWO, mask(None)])
    for keep, fill, crop, channel, empty in product(KEEP, FILL, (None, 0.0, 2.0), (False, True), EMPTY):
        seen, signed = conditioning(keep=keep, fill=fill, crop=crop, channel=channel, empty=empty)(image, masks)
        assert seen.shape == image.shape
        assert seen.isfinite().all()
        assert (signed is not None) == channel
        if signed is not None:
            assert signed.shape == masks.shape
            assert signed.abs().max() <= 1


def test_outside_the_box_nothing_depends_on_the_lesion_s_pixels_or_shape():
    see, image, cross = conditioning(keep="outside_box"), normalised(rgb()), a_cross()
    seen, _ = see(image, cross)
    filled, _ = see(torch.where(cross > 0, 9.0, image), mask((4, 12, 8, 20), (4, 12, 8, 20)))
    assert torch.equal(seen, filled)


@pytest.mark.parametrize(("keep", "channel"), [("lesion", False), ("background", False), ("all", True)])
@pytest.mark.parametrize("crop", [None, 0.1])
def test_gradients_reach_a_soft_mask_and_equal_finite_differences(keep, channel, crop):
    see = conditioning(keep=keep, channel=channel, crop=crop).double()
    image = normalised(rgb(1)).double()
    soft = (0.2 + 0.6 * TWO[:1]).double().requires_grad_()
    weight = torch.rand(1, 4, HEIGHT, WIDTH, dtype=torch.double, generator=torch.Generator().manual_seed(2))

    def value(given):
        seen, signed = see(image, given, TWO[:1])
        return (seen * weight[:, :3]).sum() + (0 if signed is None else (signed * weight[:, 3:]).sum())

    (slope,) = torch.autograd.grad(value(soft), soft)
    place, step = (0, 0, 8, 12), 1e-3
    moved = soft.detach().clone()
    moved[place] += step
    difference = (value(moved) - value(soft.detach())) / step
    assert difference.abs() > 1e-3
    torch.testing.assert_close(slope[place], difference, rtol=1e-6, atol=1e-8)


def test_the_hard_mask_determines_the_box_and_whether_there_is_any_lesion():
    image, soft = normalised(rgb(1)), torch.full((1, 1, HEIGHT, WIDTH), 0.3)
    see = conditioning(keep="lesion", crop=0.0)
    torch.testing.assert_close(see(image, soft)[0], image, rtol=0, atol=1e-5)  # nowhere above 1/2
    seen, _ = see(image, soft, mask((6, 18, 8, 24)))
    dimmed, _ = conditioning(crop=0.0)(0.3 * image + 0.7 * see.black, mask((6, 18, 8, 24)))
    torch.testing.assert_close(seen, dimmed)


def test_training_in_half_precision_and_prediction_are_equal():
    see, image = conditioning(keep="lesion", fill="blur", crop=0.1, channel=True), normalised(rgb())
    expected = see(image, TWO)
    with torch.autocast("cpu", torch.bfloat16):
        trained = see.train()(image, TWO)
    assert torch.equal(trained[0], expected[0])
    assert torch.equal(trained[1], expected[1])


def test_conditioning_has_no_weights():
    assert not conditioning().state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep": "lesions"}, "keep is one of .* got 'lesions'; did you mean lesion"),
        ({"fill": "grey"}, "fill is one of .* got 'grey'"),
        ({"empty": "blck"}, "empty is one of .* did you mean black"),
        ({"crop": -0.1}, "crop is null or a margin of at least 0, got -0.1"),
        ({"blur": 0}, "blur is a share of the shorter side, in .0, 1., got 0"),
    ],
)
def test_an_unknown_name_or_a_number_out_of_range_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        conditioning(**change)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"needs a mask \(2, 1, 24, 32\), got .*\(2, 1, 12, 32\)"):
        conditioning(keep="lesion")(normalised(rgb()), TWO[:, :, :12])
