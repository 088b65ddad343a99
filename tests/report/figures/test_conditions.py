"""The figure of mask conditions draws the means over the revealed share, and other masks beside the curve."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dermoscopy.report.figures.conditions import draw_conditions
from dermoscopy.report.results.conditions import (
    SHARES,
)

Make = Callable[..., Path]


def test_the_figure_draws_the_means_and_other_masks_beside_the_curve(make_curves: Make) -> None:
    heights = np.linspace(0.5, 0.9, len(SHARES))
    curve, beside = draw_conditions(make_curves([*SHARES, "predicted", "shuffled"], [*heights, 0.7, 0.4])).axes
    assert list(curve.lines[1].get_xdata()) == pytest.approx(list(range(0, 101, 10)))
    assert list(curve.lines[1].get_ydata()) == pytest.approx(list(heights + 0.013))
    assert [tick.get_text() for tick in beside.get_xticklabels()] == ["predicted", "shuffled"]
    dots = [line.get_ydata()[0] for line in beside.lines if len(line.get_ydata()) == 1]
    assert dots == pytest.approx([0.51, 0.713, 0.51, 0.413])
