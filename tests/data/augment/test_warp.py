"""Sampling grids: those of torch, and homographies."""

import pytest
import torch

from dermoscopy.data.augment.warp import sampling_grid, steepest_tilt
from dermoscopy.machine.randomness import generator


def maps(batch: int = 8) -> torch.Tensor:
    return torch.eye(2, 3) + torch.randn((batch, 2, 3), generator=generator("maps")) / 3


def test_the_sampling_grid_is_that_of_affine_grid():
    expected = torch.nn.functional.affine_grid(maps(), [8, 1, 30, 50], align_corners=False)
    torch.testing.assert_close(sampling_grid(maps(), 30, 50), expected, atol=1e-5, rtol=0)


def test_a_tilt_makes_the_map_a_homography():
    tilt = 0.3 * torch.rand((8, 2), generator=generator("tilt"))
    grid = sampling_grid(maps(), 4, 6, tilt)
    homography = torch.cat([maps(), torch.cat([tilt, torch.ones(8, 1)], 1)[:, None]], 1)
    for row, column in ((0, 0), (1, 4), (3, 5)):
        point = torch.tensor([(2 * column + 1) / 6 - 1, (2 * row + 1) / 4 - 1, 1.0])
        x, y, depth = (homography @ point).T
        torch.testing.assert_close(grid[:, row, column], torch.stack([x / depth, y / depth], 1))


@pytest.mark.parametrize("perspective", [0.05, 0.25, 1.0])
def test_the_steepest_tilt_moves_a_corner_by_the_given_share_of_the_side(perspective):
    steepest = torch.full((1, 2), -steepest_tilt(perspective))
    corner = sampling_grid(torch.eye(2, 3)[None], 2000, 2000, steepest)[0, -1, -1]
    assert ((corner - 1) / 2).tolist() == pytest.approx([perspective] * 2, rel=0.01)
