"""Blur: equal to a second implementation, image by image."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from dermoscopy.machine.randomness import generator
from dermoscopy.masks.blur import gaussian_blur


@pytest.mark.parametrize("shape", [(3, 3, 20, 31), (1, 3, 2, 1), (2, 1, 9, 9)])
def test_each_image_is_blurred_like_scipy_with_its_own_width(shape):
    image = 255 * torch.rand(shape, generator=generator("blur"))
    sigma = torch.linspace(0.4, 2, shape[0])
    blurred = gaussian_blur(image, sigma, 2)
    for ours, original, width in zip(blurred, image, sigma.tolist(), strict=True):
        theirs = [gaussian_filter(plane, width, mode="nearest", radius=6) for plane in original.double().numpy()]
        np.testing.assert_allclose(ours, np.stack(theirs), rtol=1e-4)


def test_a_width_of_zero_leaves_an_image_exactly_unchanged():
    image = torch.rand(2, 3, 8, 8, generator=generator("sharp"))
    assert torch.equal(gaussian_blur(image, torch.zeros(2), 1.5), image)
