"""Zeroing of masks."""

import pytest
import torch
from parts import make_zeroing

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
