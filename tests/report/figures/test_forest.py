"""The forest plot shows every arm, its class by shape and word, and no interval that dwarfs the others."""

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.figures.forest import SHAPES, draw_forest, limits
from dermoscopy.report.results.answer import Standing


def table(*rows: tuple[float, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["difference", "low", "high"], index=[f"arm={k}" for k in range(len(rows))])
    return frame.assign(image_low=frame["low"] * 2, image_high=frame["high"] * 2)


def test_every_arm_has_a_row_with_its_shape_and_word() -> None:
    compared = table((0.1, 0.05, 0.15), (-0.1, -0.15, -0.05), (0.0, -0.01, 0.01), (0.02, -0.1, 0.14))
    places = dict(
        zip(compared.index, (Standing.BETTER, Standing.WORSE, Standing.EQUIVALENT, Standing.UNKNOWN), strict=True)
    )
    names = {arm: f"name of {arm}" for arm in compared.index}
    axes = draw_forest(compared, names, places, "reference", "F1", 0.02).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(names.values())
    assert [text.get_text() for text in axes.texts] == ["better", "worse", "equivalent", "cannot tell"]
    drawn = {line.get_gid(): line.get_marker() for line in axes.lines}
    assert [drawn[f"row-{k}"] for k in range(4)] == [SHAPES[place][0] for place in places.values()]
    assert len({shape for shape, *_ in SHAPES.values()}) == len(Standing)  # distinct without colours


def test_the_axis_holds_the_differences_and_the_band_and_cuts_only_what_dwarfs_them() -> None:
    usual = [(0.01 * k, 0.01 * k - 0.02, 0.01 * k + 0.02) for k in range(3)]
    low, high = limits(table(*usual), 0.05, images=False)
    assert low < -0.05 and high > 0.05
    low, high = limits(table(*usual, (0.0, -5.0, 5.0)), None, images=False)
    assert -0.1 < low < -0.02 and 0.04 < high < 0.1
    ends = draw_forest(
        table(*usual, (0.0, -5.0, 5.0)),
        {f"arm={k}": "x" for k in range(4)},
        {f"arm={k}": Standing.UNKNOWN for k in range(4)},
        "r",
        "F1",
    )
    assert [line.get_marker() for line in ends.axes[0].lines if line.get_marker() in "<>"] == ["<", ">"]


@pytest.mark.parametrize("images", [False, True])
def test_differences_without_intervals_are_drawn_as_points(images: bool) -> None:
    compared = table((0.1, np.nan, np.nan), (0.0, np.nan, np.nan))
    places = dict.fromkeys(compared.index, Standing.UNKNOWN)
    axes = draw_forest(compared, dict.fromkeys(compared.index, "x"), places, "r", "F1", None, images).axes[0]
    low, high = axes.get_xlim()
    assert low < 0 and high > 0.1
