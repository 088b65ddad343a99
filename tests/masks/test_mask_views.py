"""Views of masks: each from the original, independent of the others, zeroed with the given probabilities."""

import pytest
import torch
from builders import CONF
from hydra.utils import instantiate
from omegaconf import OmegaConf
from parts import make_zeroing
from torch import Tensor

from dermoscopy.machine.randomness import generator
from dermoscopy.masks.mask_views import Pair, ZeroedViews


@pytest.fixture
def mask() -> Tensor:
    """Masks (500, 2, 16, 16) without a single unknown pixel."""
    return torch.where(torch.rand((500, 2, 16, 16), generator=generator("mask")) < 0.5, -1.0, 1.0)


def build(views: int = 4, whole: float = 0.5, grids: tuple[int, ...] = (8, 4, 2), p: tuple[float, ...] = (0.3,)):
    return ZeroedViews(views, whole, grids, p)


def visible(views: Tensor) -> Tensor:
    """Return which pixels are visible (V, B, H, W); they are the same in all masks of an image."""
    kept = views != 0
    assert torch.equal(kept.all(2), kept.any(2))
    return kept.all(2)


def test_a_view_is_the_original_mask_where_it_is_visible(mask):
    views = build()(mask, generator(0))
    assert views.shape == (4, *mask.shape)
    assert views.dtype == mask.dtype
    assert torch.equal(views, mask * visible(views)[:, :, None])


def test_what_was_unknown_stays_unknown(mask):
    mask[:, :, :8] = 0
    assert not build(p=(0.0,))(mask, generator(0))[..., :8, :].any()


def test_no_view_is_zeroed_on_top_of_another(mask):
    erased = (~visible(build(views=6)(mask, generator(1)))).float().mean((1, 2, 3))  # per view
    assert erased.tolist() == pytest.approx([0.3] * 6, abs=0.06)
    kept = visible(build(views=2)(mask, generator(2)))
    assert (kept[1] & ~kept[0]).any(), "the second view would hold no more than the first"


def test_views_and_images_are_zeroed_independently_of_each_other(mask):
    kept = visible(build(whole=1, p=(0.5,), views=5)(mask, generator(3)))[..., 0, 0]
    both = kept.float().cov(correction=0) - 0.25 * torch.eye(5)
    assert both.abs().max() < 4 * 0.25 / 500**0.5
    assert 0.4 < (kept[0, 1:] == kept[0, :-1]).float().mean() < 0.6


def test_the_share_of_views_with_a_single_cell_is_as_given(mask):
    kept = visible(build(p=(0.5,), grids=(8,))(mask, generator(4))).flatten(2)
    constant = (kept.all(2) | ~kept.any(2)).float()  # an 8 x 8 grid is hardly ever erased or kept as a whole
    assert constant.mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 2000**0.5)


def test_all_p_are_drawn_equally_often(mask):
    kept = visible(build(whole=0, grids=(16,), p=(0.0, 0.5, 1.0))(mask, generator(5))).float().mean((2, 3))
    none, half, all_ = (((kept - share).abs() < 0.2).float().mean().item() for share in (0.0, 0.5, 1.0))
    assert [none, half, all_] == pytest.approx([1 / 3] * 3, abs=4 * (2 / 9 / 2000) ** 0.5)


def test_all_grids_are_drawn_equally_often(mask):
    kept = visible(build(whole=0, grids=(8, 4, 2), p=(0.5,))(mask, generator(6))).float()
    spread = kept.mean((2, 3)).var(correction=0)  # a grid of n x n cells gives 1 / 4 n^2
    assert spread.item() == pytest.approx(sum(0.25 / n**2 for n in (8, 4, 2)) / 3, rel=0.15)


def test_grids_and_p_are_drawn_per_image_and_not_per_batch(mask):
    kept = visible(build(whole=0, grids=(16,), p=(0.0, 1.0))(mask, generator(7)))[..., 0, 0]
    assert all(0 < view.sum() < len(view) for view in kept)


def test_cells_are_those_of_zeroing(mask):
    kept = visible(build(whole=0, grids=(4,), p=(0.5,))(mask, generator(8))).float()
    blocks = kept.unfold(2, 4, 4).unfold(3, 4, 4)  # (V, B, 4, 4, 4, 4)
    assert set(blocks.mean((-1, -2)).unique().tolist()) == {0.0, 1.0}


def test_the_same_draw_gives_the_same_views_and_another_draw_others(mask):
    views = build()
    assert torch.equal(views(mask, generator(9)), views(mask, generator(9)))
    assert not torch.equal(views(mask, generator(9)), views(mask, generator(10)))


def test_the_input_masks_stay_unchanged_and_no_weights_are_saved(mask):
    before = mask.clone()
    views = build()
    views(mask, generator(0))
    assert torch.equal(mask, before)
    assert not views.state_dict()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"views": 1}, "views must be at least 2, got 1"),
        ({"whole": 1.5}, r"whole must lie in \[0, 1\], got 1.5"),
        ({"grids": ()}, r"grids must list at least one grid .* got \[\]"),
        ({"grids": (4, 0)}, r"grids must list .* of at least 1 cell per side, got \[4, 0\]"),
        ({"p": ()}, "p must list at least one probability"),
        ({"p": (0.2, -0.1)}, r"p must list .* in \[0, 1\], got \[0.2, -0.1\]"),
        ({"p": (float("nan"),)}, "p must list"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_a_grid_finer_than_the_image_is_refused(mask):
    with pytest.raises(ValueError, match="a grid of the mask views 64 x 64 is finer than the image of 16 x 16 px"):
        build(grids=(4, 64))(mask)
    with pytest.raises(ValueError, match="a grid of the mask views 64 x 64"):
        build(grids=(4, 64)).check(16, 128)
    build().check(16, 16)


def test_a_pair_is_a_view_with_the_masks_and_one_without(mask):
    views = Pair(None)(mask, generator(0))
    assert torch.equal(views[0], mask)
    assert not views[1].any()
    assert len(views) == 2


def test_a_pair_zeroes_its_first_view_as_zeroing_does(mask):
    zeroing = make_zeroing(0.5, 4)
    views = Pair(zeroing)(mask, generator(1))
    assert torch.equal(views[0], zeroing(mask, generator(1)))
    assert not views[1].any()


def test_a_pair_refuses_the_grid_that_its_zeroing_refuses():
    with pytest.raises(ValueError, match="the grid of zeroing 64 x 64"):
        Pair(make_zeroing(0.5, 64)).check(32, 32)
    Pair(make_zeroing(1, 64)).check(32, 32)  # it draws no cells
    Pair(None).check(32, 32)


def test_the_legacy_file_has_its_cells_and_probabilities_at_224_px():
    views = instantiate(OmegaConf.load(CONF / "mask_views" / "legacy.yaml"))
    assert [224 / cells for cells in views.grids] == [14, 28, 56]
    assert views.p.tolist() == pytest.approx([0.01, 0.2, 0.8])
    assert views.whole == 0.5
    assert views(torch.ones(2, 1, 16, 16), generator(0)).shape == (4, 2, 1, 16, 16)


def test_the_file_of_a_pair_leaves_its_masks_whole(mask):
    assert torch.equal(instantiate(OmegaConf.load(CONF / "mask_views" / "pair.yaml"))(mask)[0], mask)
