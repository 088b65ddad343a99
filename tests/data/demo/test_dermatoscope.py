"""The field of view of the dermatoscope."""

import numpy as np

from dermoscopy.data.demo.dermatoscope import field_of_view
from dermoscopy.data.demo.fields import make_canvas


def test_the_centre_is_always_visible_and_a_round_window_sometimes_hides_the_corners():
    canvas = make_canvas((48, 64))
    fields = [field_of_view(np.random.default_rng(seed), canvas) for seed in range(40)]
    assert all(field.min() >= 0 and field.max() <= 1 and field[24, 32] == 1 for field in fields)
    hidden = [field[0, 0] < 0.5 for field in fields]
    assert 0 < sum(hidden) < len(hidden) / 2
