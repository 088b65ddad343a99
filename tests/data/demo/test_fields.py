"""Fields over a photograph: the same scene at any size."""

import numpy as np
import pytest

from dermoscopy.data.demo.fields import REFERENCE, cloud, make_canvas, noise, step_up


@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_coordinates_are_those_of_the_reference_whatever_the_size(scale):
    size = (int(REFERENCE[0] * scale), int(REFERENCE[1] * scale))
    canvas = make_canvas(size)
    assert canvas.scale == pytest.approx(scale)
    assert canvas.x.shape == canvas.y.shape == size
    assert canvas.x.mean() == pytest.approx(0, abs=1e-4) and canvas.y.mean() == pytest.approx(0, abs=1e-4)
    assert canvas.x.max() == pytest.approx(REFERENCE[1] / 2 - 0.5 / scale)


def test_noise_has_mean_0_and_deviation_1_and_is_smooth():
    canvas = make_canvas(REFERENCE)
    values = noise(np.random.default_rng(0), canvas.x, canvas.y, scale=8)
    assert abs(values.mean()) < 0.2 and values.std() == pytest.approx(0.9, abs=0.15)
    assert np.abs(np.diff(values, axis=1)).mean() < 0.3 * values.std()
    assert (noise(np.random.default_rng(0), canvas.x, canvas.y, scale=8) == values).all()
    assert cloud(np.random.default_rng(0), canvas, scale=8).shape == REFERENCE


def test_a_step_rises_from_0_to_1_around_0():
    assert step_up(np.array([-9.0, -1, 0, 1, 9]), width=2).tolist() == [0, 0, 0.5, 1, 1]
