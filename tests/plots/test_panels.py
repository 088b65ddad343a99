"""Tests of pages of panels: each picture is in its column, at its size in inches."""

import numpy as np
import pytest
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D

from dermoscopy.plots.panels import EDGE, GAP, LETTERS, MOST_LINES, SIDE, left, legend, new_page, outline, show, wrapped


def test_a_page_is_as_wide_as_its_columns_and_its_axes_are_in_inches_from_the_upper_left():
    figure, axes = new_page(3, 2.5, "a title", "a note")
    width = 2 * EDGE + 3 * SIDE + 2 * GAP
    assert figure.get_size_inches() == pytest.approx((width, 2.5))
    assert axes.get_xlim() == pytest.approx((0, width)) and axes.get_ylim() == pytest.approx((2.5, 0))
    assert [text.get_text() for text in axes.texts] == ["a title", "a note"]


def test_columns_are_adjacent():
    assert [left(column) for column in range(2)] == pytest.approx([EDGE, EDGE + SIDE + GAP])


@pytest.mark.parametrize(("shape", "size"), [((8, 8, 3), (1, 1)), ((4, 8, 3), (0.5, 1)), ((8, 2), (1, 0.25))])
def test_a_picture_keeps_its_proportions_within_its_panel(shape, size):
    _, axes = new_page(2, 3, "")
    show(axes, np.zeros(shape, np.uint8), column=1, top=0.5, gid="image 7")
    (image,) = axes.images
    first, last, bottom, top = image.get_extent()
    assert (first, top) == pytest.approx((left(1), 0.5))
    assert (bottom - top, last - first) == pytest.approx((SIDE * size[0], SIDE * size[1]))
    assert image.get_gid() == "image 7"


def test_codes_are_not_interpolated_but_probabilities_are():
    _, axes = new_page(2, 3, "")
    show(axes, np.zeros((2, 2)), 0, 0, "", ListedColormap(["red", "blue"]), highest=1)
    show(axes, np.zeros((2, 2)), 1, 0, "", "viridis", highest=1)
    codes, probabilities = axes.images
    assert (codes.get_interpolation(), codes.get_clim()) == ("nearest", (0, 1))
    assert probabilities.get_interpolation() != "nearest"


def test_an_outline_runs_around_the_pixels_and_closes_at_the_edge_of_the_image():
    _, axes = new_page(1, 3, "")
    mask = np.zeros((8, 8), bool)
    mask[:3, 2:6] = True  # touches the upper edge
    outline(axes, mask, column=0, top=1.0, colour="red", width=1, edge="black")
    (lines,) = axes.collections
    points = np.concatenate([path.vertices for path in lines.get_paths()])
    pixel = SIDE / 8
    assert points.min(0) == pytest.approx([EDGE + 2 * pixel, 1.0], abs=0.01)
    assert points.max(0) == pytest.approx([EDGE + 6 * pixel, 1.0 + 3 * pixel], abs=0.01)


def test_an_empty_mask_has_no_outline():
    _, axes = new_page(1, 3, "")
    outline(axes, np.zeros((8, 8), bool), 0, 0, "red", 1, "black")
    assert not axes.collections


def test_a_legend_has_one_row():
    figure, _ = new_page(2, 3, "")
    legend(figure, [Line2D([], [], label="given"), Line2D([], [], label="predicted")])
    (drawn,) = figure.legends
    assert [text.get_text() for text in drawn.get_texts()] == ["given", "predicted"]
    assert drawn._ncols == 2


def test_an_id_is_broken_into_lines_and_a_very_long_one_keeps_both_ends():
    assert wrapped("ISIC_0000001") == "ISIC_0000001"
    assert wrapped("a" * (LETTERS + 1)) == f"{'a' * LETTERS}\na"
    id = "first" + "-" * 200 + "last"
    lines = wrapped(id).split("\n")
    assert len(lines) == MOST_LINES
    assert max(map(len, lines)) == LETTERS
    joined = "".join(lines)
    assert joined.startswith("first") and joined.endswith("last") and "…" in joined
