"""Zeroing of masks."""

import numpy as np
import pytest
import torch
from parts import make_mixed_zeroing, make_zeroing

from dermoscopy.machine.randomness import generator


@pytest.fixture
def mask() -> torch.Tensor:
    """A batch of masks (64, 3, 48, 48) without a single unknown pixel."""
    return torch.where(torch.rand((64, 3, 48, 48), generator=generator("mask")) < 0.5, -1.0, 1.0)


@pytest.mark.parametrize("grid", [1, 4, 16, (2, 3)])
@pytest.mark.parametrize("p", [0.2, 0.8])
def test_the_erased_fraction_is_p_for_every_grid(mask, grid, p):
    erased = torch.cat([make_zeroing(p, grid)(mask, generator(p, i)) == 0 for i in range(20)])
    cells = len(erased) * (grid**2 if isinstance(grid, int) else grid[0] * grid[1])
    assert erased.float().mean().item() == pytest.approx(p, abs=4 * (p * (1 - p) / cells) ** 0.5)


def test_p_zero_keeps_all_masks_and_p_one_none(mask):
    assert torch.equal(make_zeroing(0, 8)(mask), mask)
    assert not make_zeroing(1, 8)(mask).any()


def test_one_cell_erases_whole_masks(mask):
    kept = (make_zeroing(0.5)(mask, generator(1)) != 0).flatten(1)
    assert ((kept.all(1)) | (~kept.any(1))).all()
    assert 0 < kept.all(1).sum() < len(mask)


def test_cells_are_erased_as_aligned_blocks(mask):
    kept = (make_zeroing(0.5, 4)(mask, generator(2)) != 0).float()
    blocks = kept.unfold(2, 12, 12).unfold(3, 12, 12)  # (B, K, 4, 4, 12, 12)
    assert set(blocks.mean((-1, -2)).unique().tolist()) == {0.0, 1.0}


def test_channels_are_erased_jointly_unless_per_channel(mask):
    together = make_zeroing(0.5, 4)(mask, generator(3)) != 0
    apart = make_zeroing(0.5, 4, per_channel=True)(mask, generator(3)) != 0
    assert torch.equal(together[:, 0], together[:, 1])
    assert not torch.equal(apart[:, 0], apart[:, 1])


def test_on_a_side_that_the_grid_does_not_divide_cells_differ_by_one_pixel():
    kept = make_zeroing(0.5, 5)(torch.ones(200, 1, 13, 13), generator(4))[:, 0, :, 0]
    edges = (kept[:, 1:] != kept[:, :-1]).any(0).nonzero().flatten() + 1
    sizes = torch.diff(torch.tensor([0, *edges.tolist(), 13]))
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() == 1


def test_the_same_draw_erases_the_same_cells_and_another_draw_others(mask):
    zeroing = make_zeroing(0.5, 8)
    assert torch.equal(zeroing(mask, generator(0, "zeroing", 1)), zeroing(mask, generator(0, "zeroing", 1)))
    assert not torch.equal(zeroing(mask, generator(0, "zeroing", 1)), zeroing(mask, generator(0, "zeroing", 2)))


@pytest.mark.parametrize("p", [0, 0.5, 1])
def test_zeroing_leaves_its_input_unchanged(mask, p):
    before = mask.clone()
    make_zeroing(p, 4)(mask, generator(5))
    assert torch.equal(mask, before)


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_a_probability_outside_zero_and_one_is_refused(p):
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\], got"):
        make_zeroing(p)


def test_a_grid_without_cells_or_finer_than_the_image_is_refused(mask):
    with pytest.raises(ValueError, match="grid must be at least 1"):
        make_zeroing(0.5, 0)
    with pytest.raises(ValueError, match="the grid of zeroing 64 x 64 is finer than the image of 48 x 48 px"):
        make_zeroing(0.5, 64)(mask)


def revealed(zeroing, images=4000, side=16, seed=0):
    """Return the share of the pixels that are left per image, (images,)."""
    left = zeroing(torch.ones(images, 2, side, side), generator(seed)) != 0
    assert torch.equal(left[:, 0], left[:, 1])
    return left[:, 0].float().mean((1, 2))


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("grids", [(16, 8, 4), (1,), (2,)])
def test_mixed_zeroing_erases_all_masks_as_often_as_configured(p, grids):
    # n cells are erased together with probability q^n, whose mean over q in [0, 1] is 1 / (n + 1)
    by_chance = np.mean([1 / (n**2 + 1) for n in grids])
    expected = p + (1 - p) * by_chance
    share = (revealed(make_mixed_zeroing(p, grids)) == 0).float().mean().item()
    assert share == pytest.approx(expected, abs=4 * 0.5 / 4000**0.5)


def test_mixed_zeroing_leaves_any_share_of_the_masks():
    share = revealed(make_mixed_zeroing(0.0, (16,))).numpy()
    counts = np.histogram(share, bins=10, range=(0, 1))[0] / len(share)  # uniform: a tenth in each
    assert counts.tolist() == pytest.approx([0.1] * 10, abs=4 * (0.09 / 4000) ** 0.5 + 0.01)


def test_mixed_zeroing_draws_a_probability_and_a_grid_per_image():
    share = revealed(make_mixed_zeroing(0.0, (4, 2))).numpy()
    assert {0.25, 0.5, 0.75} <= set(share) and len(set(share)) == 17
    # of a mean q in [0, 1]: var(q) = 1/12 between images, and E q (1 - q) / n = 1 / 6 n^2 between the cells of one
    assert share.var() == pytest.approx(1 / 12 + np.mean([1 / (6 * n**2) for n in (4, 2)]), rel=0.1)


def test_mixed_zeroing_keeps_what_was_known_and_is_the_same_for_the_same_draw(mask):
    zeroing, before = make_mixed_zeroing(0.3), mask.clone()
    out = zeroing(mask, generator(0, "zeroing", 1))
    assert torch.equal(mask, before)
    assert torch.equal(out[out != 0], mask[out != 0]) and 0 < (out == 0).float().mean() < 1
    assert torch.equal(out, zeroing(mask, generator(0, "zeroing", 1)))
    assert not torch.equal(out, zeroing(mask, generator(0, "zeroing", 2)))


def test_mixed_zeroing_with_p_one_erases_everything_and_draws_no_grid(mask):
    zeroing = make_mixed_zeroing(1, (64,))
    zeroing.check(48, 48)
    assert not zeroing(mask).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"p": 1.5}, r"p must lie in \[0, 1\], got 1.5"),
        ({"grids": ()}, r"grids must list .* got \[\]"),
        ({"grids": (4, 0)}, r"grids must list .* got \[4, 0\]"),
    ],
)
def test_mixed_zeroing_refuses_arguments_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        make_mixed_zeroing(**changes)


def test_mixed_zeroing_refuses_a_grid_finer_than_the_image(mask):
    with pytest.raises(ValueError, match="a grid of zeroing 64 x 64 is finer than the image of 48 x 48 px"):
        make_mixed_zeroing(grids=(4, 64))(mask)
