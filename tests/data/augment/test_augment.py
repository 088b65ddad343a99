"""Augmentation: image and masks move together; padding and colours are as documented."""

import math

import pytest
import torch

from dermoscopy.data.augment.augment import LUMA, Augment
from dermoscopy.data.augment.colour import normalisation
from dermoscopy.data.augment.warp import sampling_grid, steepest_tilt, within_box
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.encoding import pack, unpack

OFF = {"hflip": 0, "vflip": 0, "rotate": 0, "scale": 1, "shear": 0, "shift": 0}
NO_COLOUR = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
NO_DAMAGE = {"perspective": 0, "noise": 0, "blur": 0, "crop": 1, "aspect": 1, "foreground": 0}


def no_masks(batch: int, height: int, width: int) -> torch.Tensor:
    """Return packed masks of which none is present, without memory of their own."""
    return torch.zeros(1, 1, 1, 1, dtype=torch.int8).expand(batch, 1, height, width)


def augment(**changes) -> Augment:
    return Augment(**{**OFF, **NO_COLOUR, **NO_DAMAGE, "padding": "constant", **changes})


def moved_by(augment: Augment, image: torch.Tensor, mask: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return image and mask (one mask is its own packed plane) after one random map per sample."""
    matrix, tilt = augment.affine(len(image), image.shape[-2:], generator(seed)), torch.zeros(len(image), 2)
    return augment.move(image, mask, matrix, tilt)


def pair(height: int = 48, width: int = 64, batch: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Return an image whose red channel marks its mask: smooth blobs, so that both interpolate alike."""
    noise = torch.nn.functional.interpolate(
        torch.rand((batch, 1, 6, 8), generator=generator("blobs")), (height, width), mode="bicubic"
    )
    return noise.expand(-1, 3, -1, -1).contiguous(), torch.where(noise > 0.5, 1.0, -1.0)


@pytest.mark.parametrize("padding", ["constant", "border", "reflection"])
def test_image_and_mask_move_together(padding):
    image, mask = pair()
    drawn = augment(hflip=0.5, vflip=0.5, rotate=90, scale=1.3, shear=10, shift=0.1, padding=padding)
    moved, masks = moved_by(drawn, image, mask, 0)
    known = (masks != 0) & ((moved[:, :1] - 0.5).abs() > 0.06)  # away from the edge, where halves are rounded
    assert known.float().mean() > 0.4
    agreement = ((moved[:, :1] > 0.5) == (masks > 0))[known].float().mean()
    assert agreement > (0.97 if padding == "constant" else 0.995)  # the image's last pixel blends with the black border


def test_everything_off_returns_the_input():
    image, mask = pair()
    moved, masks = moved_by(augment(), image, mask, 0)
    assert moved is image
    assert masks is mask


def test_a_certain_flip_is_exact():
    image, mask = pair()
    moved, masks = moved_by(augment(hflip=1), image, mask, 0)
    torch.testing.assert_close(moved, image.flip(-1), atol=1e-5, rtol=0)
    assert torch.equal(masks, mask.flip(-1))
    moved, masks = moved_by(augment(vflip=1), image, mask, 0)
    assert torch.equal(masks, mask.flip(-2))


def test_flips_happen_with_the_given_probability():
    image, mask = pair(batch=400)
    _, masks = moved_by(augment(hflip=0.25), image, mask, 1)
    flipped = (masks == mask.flip(-1)).flatten(1).all(1)
    kept = (masks == mask).flatten(1).all(1)
    assert (flipped ^ kept).all()
    assert flipped.float().mean().item() == pytest.approx(0.25, abs=0.08)


def test_a_constant_border_is_black_in_the_image_and_unknown_in_the_mask():
    image, mask = torch.ones(64, 3, 32, 32), torch.ones(64, 1, 32, 32)
    moved, masks = moved_by(augment(shift=0.4), image, mask, 2)
    outside = moved[:, :1] == 0
    assert 0.1 < outside.float().mean() < 0.6
    assert (masks[outside] == 0).all()
    assert (masks[moved[:, :1] > 0.75] == 1).all()


@pytest.mark.parametrize("padding", ["border", "reflection"])
def test_other_paddings_leave_nothing_unknown(padding):
    image, mask = pair()
    _, masks = moved_by(augment(shift=0.3, rotate=45, padding=padding), image, mask, 3)
    assert (masks != 0).float().mean() > 0.999


def test_a_rotation_keeps_shapes_on_an_image_that_is_not_square():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(128.0), indexing="ij")
    disc = (((y - 31.5) ** 2 + (x - 63.5) ** 2) < 20**2).float().expand(8, 3, 64, 128)
    moved, _ = moved_by(augment(rotate=90), disc.contiguous(), torch.zeros(8, 0, 64, 128), 4)
    torch.testing.assert_close(moved.mean((1, 2, 3)), disc.mean((1, 2, 3)), rtol=0.02, atol=0)


def test_ranges_are_symmetric():
    matrix = augment(rotate=90, shift=0.1, scale=1.5, shear=20).affine(4000, (64, 64), generator(5))
    assert matrix[:, 0, 2].mean().abs() < 0.01
    assert matrix[:, :, 2].abs().max() <= 0.2
    assert matrix[:, 1, 0].mean().abs() < 0.05
    determinant = torch.linalg.det(matrix[:, :, :2])
    assert determinant.log().mean().abs() < 0.05


def test_scale_alone_is_drawn_between_its_inverse_and_itself():
    matrix = augment(scale=2).affine(1000, (64, 64), generator(6))
    assert matrix[:, 0, 0].min() >= 0.5 - 1e-6
    assert matrix[:, 0, 0].max() <= 2 + 1e-6


def test_colour_switched_off_is_the_identity():
    colour = augment().colour(torch.rand(4, 3, 8, 8), generator(0))
    torch.testing.assert_close(colour, torch.eye(3, 4).expand(4, 3, 4))


@pytest.mark.parametrize("change", ["brightness", "contrast", "saturation", "hue"])
def test_each_colour_change_keeps_its_invariants(change):
    image = torch.rand(32, 3, 8, 8, generator=generator("colour"))
    colour = augment(**{change: 0.4}).colour(image, generator(7))
    changed = torch.einsum("bij,bjhw->bihw", colour[..., :3], image) + colour[..., 3, None, None]
    luma = torch.tensor(LUMA)
    before, after = (torch.einsum("c,bchw->bhw", luma, x) for x in (image, changed))
    if change == "brightness":
        ratio = changed / image
        torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio), rtol=1e-3, atol=0)
    if change == "contrast":
        torch.testing.assert_close(after.mean((1, 2)), before.mean((1, 2)))
    if change == "saturation":
        torch.testing.assert_close(after, before)
    if change == "hue":
        torch.testing.assert_close(changed.mean(1), image.mean(1))
    assert not torch.allclose(changed, image, atol=1e-2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hflip": 1.5}, r"hflip must lie in \[0, 1\], got 1.5"),
        ({"scale": 0.5}, "scale is a factor of at least 1"),
        ({"rotate": -5}, "^rotate is an angle"),
        ({"rotate": math.inf}, "^rotate is an angle"),
        ({"scale": math.nan}, "scale is a factor of at least 1"),
        ({"scale": math.inf}, "scale is a factor of at least 1"),
        ({"shear": 90}, "^shear is an angle"),
        ({"shear": math.nan}, "^shear is an angle"),
        ({"padding": "mirror"}, "padding must be one of"),
        ({"perspective": -0.1}, r"perspective must lie in \[0, 1\]"),
        ({"noise": 10}, r"noise must lie in \[0, 1\]"),
        ({"blur": -1}, "blur is a standard deviation in pixels"),
        ({"crop": 0}, "crop is the smallest share of the area"),
        ({"crop": 1.5}, "crop is the smallest share of the area"),
        ({"aspect": 0.75}, "aspect is the largest ratio"),
        ({"foreground": 1.5, "crop": 0.5}, "foreground must lie in"),
        ({"foreground": 0.5}, "foreground=0.5 places the box of a crop: set crop"),
    ],
)
def test_values_out_of_range_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        augment(**arguments)


@pytest.mark.parametrize("size", [32, 400])
def test_a_batch_is_augmented_the_same_way_in_parts_and_whole(monkeypatch, size):
    image = torch.randint(0, 256, (5, 3, size, size), dtype=torch.uint8, generator=generator("parts"))
    code = torch.randint(-121, 122, (5, 1, size, size), generator=generator("codes")).to(torch.int8)
    every = augment(hflip=0.5, rotate=90, scale=1.2, shift=0.1, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1)
    normalise = normalisation((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    parts = every(image, code, normalise, generator(9))
    monkeypatch.setattr("dermoscopy.data.augment.augment.IN_CACHE", 10**9)
    whole = every(image, code, normalise, generator(9))
    torch.testing.assert_close(parts[0], whole[0])
    assert torch.equal(parts[1], whole[1])
    assert set(whole[1].unique().tolist()) <= set(range(-121, 122))


def test_every_transform_off_is_normalisation_alone():
    image, code = torch.full((2, 3, 8, 8), 51, dtype=torch.uint8), torch.ones(2, 1, 8, 8, dtype=torch.int8)
    images, codes = augment()(image, code, normalisation((0.1, 0.2, 0.3), (0.1, 0.1, 0.1)), generator(0))
    torch.testing.assert_close(images[0, :, 0, 0], torch.tensor([1.0, 0.0, -1.0]), atol=1e-5, rtol=0)
    assert torch.equal(codes, code.float())


def augmented(image, code, seed=0, **changes):
    return augment(**changes)(image, code, torch.eye(3, 4), generator(seed))


@pytest.mark.parametrize("change", [{"noise": 1e-4}, {"blur": 1.5}, {"perspective": 0.2}])
def test_switching_a_transform_on_leaves_the_other_draws_unchanged(change):
    image, code = torch.full((30, 3, 20, 20), 50, dtype=torch.uint8), torch.ones(30, 1, 20, 20, dtype=torch.int8)
    image[..., 10:] = 200
    usual = {"hflip": 0.5, "brightness": 0.3, "saturation": 0.2}
    plain, changed = (augmented(image, code, **usual, **more)[0][..., 9:11, 2:5] for more in ({}, change))
    torch.testing.assert_close(changed, plain, atol=0.3, rtol=0)


def test_switching_the_crop_on_leaves_the_draws_of_colour_unchanged():
    image, code = torch.full((30, 3, 20, 20), 50, dtype=torch.uint8), torch.ones(30, 1, 20, 20, dtype=torch.int8)
    colours = {"brightness": 0.3, "saturation": 0.2, "hue": 0.1}
    plain, cropped = (augmented(image, code, **colours, **more)[0] for more in ({}, {"crop": 0.3, "aspect": 1.3}))
    torch.testing.assert_close(cropped, plain, atol=1e-3, rtol=0)


def test_noise_has_mean_zero_and_at_most_the_given_deviation():
    image, code = torch.full((40, 3, 50, 50), 100, dtype=torch.uint8), torch.ones(40, 1, 50, 50)
    noisy, codes = augmented(image, code, noise=0.1)
    deviation = noisy.std((1, 2, 3)) / 255
    assert deviation.max() < 0.102
    assert deviation.mean().item() == pytest.approx(0.05, abs=0.015)
    torch.testing.assert_close(noisy.mean((1, 2, 3)), torch.full((40,), 100.0), atol=1.5, rtol=0)
    assert (codes == 1).all()


def test_blur_has_a_width_per_image_and_leaves_masks_unchanged():
    image, mask = pair(batch=1)
    image = (255 * image).clamp(0, 255).to(torch.uint8).expand(20, -1, -1, -1)
    code = mask.to(torch.int8).expand(20, -1, -1, -1)
    blurred, codes = augmented(image, code, blur=3)
    contrast = blurred.std((1, 2, 3))
    assert len(contrast.unique()) > 15  # the narrowest change nothing
    assert (contrast <= image.float().std((1, 2, 3))).all()
    assert torch.equal(codes, code.float())


def test_perspective_moves_image_and_mask_together():
    x = torch.linspace(-1, 1, 41)
    inside = ((x.abs() < 0.5) & (x[:, None].abs() < 0.5)).expand(50, 3, 41, 41)
    moved, codes = augmented(200 * inside.to(torch.uint8), 2 * inside[:, :1].to(torch.int8) - 1, perspective=0.2)
    clear = ((moved[:, :1] - 100).abs() > 60) & (codes != 0)
    assert clear.float().mean() > 0.5
    assert ((moved[:, :1] > 100) == (codes > 0))[clear].all()
    assert ((moved > 100) != inside).flatten(1).any(1).float().mean() > 0.8


@pytest.mark.parametrize("shape", [(1, 31, 47), (1, 1, 1), (3, 17, 5)])
def test_every_transform_works_on_odd_sizes_and_a_single_image(shape):
    batch, height, width = shape
    image = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator("odd"))
    code = torch.randint(-1, 2, (batch, 1, height, width), generator=generator("odd")).to(torch.int8)
    every = {"hflip": 0.5, "vflip": 0.5, "rotate": 180, "scale": 1.5, "shear": 5, "shift": 0.1, "perspective": 0.1}
    every |= {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1, "noise": 0.1, "blur": 2, "crop": 0.2}
    images, codes = augmented(image, code, **every)
    assert images.shape == image.shape and images.isfinite().all()
    assert codes.shape == code.shape and set(codes.unique().tolist()) <= {-1, 0, 1}
    assert torch.equal(images, augmented(image, code, **every)[0])


def test_crops_have_the_drawn_areas_and_ratios_and_lie_within_the_frame():
    centre, half = augment(crop=0.25, aspect=1.5).boxes(no_masks(4000, 400, 400), generator(0)).unbind(1)
    assert (centre.abs() + half * (1 - 1 / 400) <= 1 - 1 / 400 + 1e-6).all()
    area, ratio = half.prod(1), half[:, 0] / half[:, 1]
    uncut = half.amax(1) < 1
    assert area[uncut].min() == pytest.approx(0.25, abs=0.01) and area.max() <= 1
    assert ratio.min() == pytest.approx(1 / 1.5, abs=0.01) and ratio.max() == pytest.approx(1.5, abs=0.01)
    square = augment(crop=0.25).boxes(no_masks(4000, 400, 400), generator(0))[:, 1]
    torch.testing.assert_close(square[:, 0], square[:, 1])
    assert square.prod(1).mean().item() == pytest.approx(0.625, abs=0.015)  # 4 standard errors
    position = (centre / (1 - half))[uncut]
    assert position.mean(0).abs().max() < 0.04 and position.abs().amax(0).min() > 0.98
    only_ratio = augment(aspect=1.5).boxes(no_masks(4000, 400, 400), generator(0))[:, 1]
    assert (only_ratio.amax(1) == 1).all() and only_ratio.amin().item() == pytest.approx(1.5**-0.5, abs=1e-3)


def test_a_crop_shows_what_cutting_and_enlarging_shows(monkeypatch):
    image, mask = pair(48, 64, 3)
    image = 255 * image
    cropping = augment(crop=0.3)
    box = torch.tensor([[0.25, -1 / 3], [0.5, 0.5]])  # columns 24 to 56 and rows 4 to 28
    monkeypatch.setattr(cropping, "boxes", lambda *_: box.expand(3, 2, 2))
    moved, codes = cropping(image, mask, torch.eye(3, 4), generator(0))
    cut = torch.nn.functional.interpolate(image[:, :, 4:28, 24:56], (48, 64), mode="bilinear")
    torch.testing.assert_close(moved[:, :, 1:-1, 1:-1], cut[:, :, 1:-1, 1:-1], atol=1e-2, rtol=0)
    assert torch.equal(codes, mask[:, :, 4:28, 24:56].repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_boxes_around_the_foreground_show_a_pixel_of_a_mask_and_leave_other_draws_alone():
    """One pixel in each image, in the corners too; a third of the images has none."""
    height, width = 24, 40
    place = torch.randint(0, height * width, (300,), generator=generator("place"))
    place[:4] = torch.tensor([0, width - 1, (height - 1) * width, height * width - 1])
    stored = torch.zeros(300, 2, height * width, dtype=torch.uint8)
    stored[torch.arange(200), torch.arange(200) % 2, place[:200]] = 1
    code = pack(stored.view(300, 2, height, width))
    cropping = {"crop": 0.1, "aspect": 1.5}
    anywhere, always = (augment(**cropping, foreground=share).boxes(code, generator(0)) for share in (0, 1))
    assert torch.equal(always[:, 1], anywhere[:, 1]) and torch.equal(always[200:], anywhere[200:])
    inner = torch.tensor([1 - 1 / width, 1 - 1 / height])
    assert (always[:, 0].abs() <= inner * (1 - always[:, 1]) + 1e-6).all()
    pixel = torch.stack([(2 * (place % width) + 1) / width - 1, (2 * (place // width) + 1) / height - 1], 1)

    def shown(box: torch.Tensor) -> torch.Tensor:
        return ((pixel - box[:, 0]).abs() <= inner * box[:, 1] + 1e-6).all(1)[:200]

    assert shown(always).all() and not shown(anywhere).all()
    half = augment(**cropping, foreground=0.5).boxes(code, generator(0))
    as_drawn = (half == anywhere).flatten(1).all(1)[:200].float().mean()
    assert as_drawn.item() == pytest.approx(0.5, abs=0.15)
    _, codes = augmented(torch.zeros(300, 3, height, width, dtype=torch.uint8), code, crop=0.1, foreground=1)
    assert (unpack(codes, 2) > 0).flatten(1).any(1)[:200].all()  # an enlarged pixel is hit by the nearest neighbour


def test_a_crop_is_moved_by_the_other_transforms():
    """A point of a turned and tilted box is where it would be, had the box been cut out before."""
    drawn = augment(rotate=180, scale=1.3, shift=0.1, shear=10, perspective=0.2)
    matrix, tilt = drawn.affine(6, (48, 64), generator(1)), steepest_tilt(0.2) * torch.linspace(-1, 1, 12).view(6, 2)
    box = augment(crop=0.2, aspect=2).boxes(no_masks(6, 48, 64), generator(2))
    inner = sampling_grid(matrix, 48, 64, tilt)
    expected = box[:, 0, None, None] + box[:, 1, None, None] * inner
    whole = sampling_grid(within_box(matrix, tilt, box), 48, 64, tilt)
    torch.testing.assert_close(whole, expected, atol=1e-5, rtol=0)


def test_a_crop_alone_leaves_no_border_and_keeps_image_and_mask_together():
    image, mask = pair()
    image, drawn = 255 * image, augment(crop=0.1, aspect=2)
    moved, codes = drawn(image, mask, torch.eye(3, 4), generator(3))
    assert (codes != 0).all()
    clear = (moved[:, :1] / 255 - 0.5).abs() > 0.06
    assert ((moved[:, :1] > 127.5) == (codes > 0))[clear].float().mean() > 0.995
    assert not torch.equal(codes[0], codes[1])
