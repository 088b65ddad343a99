"""Tests of the picture of explanations: each row belongs to one image, and no text covers another."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from dermoscopy.evaluation.pictures.explanations import Explanation, draw_explanations


def explanation(kind, count=2, **changes):
    rng = np.random.default_rng(len(kind))
    present = np.zeros((count, 8, 10), bool)
    present[0, 2:5, 3:] = True
    one = Explanation(
        kind=kind,
        id=kind.replace(" ", "_"),
        group="a",
        truth=kind.startswith("true positive"),
        image=rng.integers(0, 256, (8, 10, 3), dtype=np.uint8),
        cells=(1, 2),
        heatmap={name: rng.random((8, 10)).astype(np.float32) for name in ("none", "given")},
        probability={"none": 0.25, "given": 0.5},
        masks=present,
        influence=np.linspace(-1, 2, count, dtype=np.float32),
    )
    return replace(one, **changes)


def test_a_row_shows_image_heatmap_outlines_and_bars_of_one_image():
    first = explanation("true positive, 1/9", influence=np.array([-1.0, 2.0]))
    second = explanation("true negative, 1/3", influence=np.array([np.nan, 0.5]))
    (axes,) = draw_explanations([first, second], "melanoma", ["globules", "streaks"]).axes
    for row in (first, second):
        image, *_ = (picture.get_array() for picture in axes.images if picture.get_gid() == row.id)
        np.testing.assert_array_equal(image, row.image)
        texts = "\n".join(text.get_text() for text in axes.texts if text.get_gid() == row.id).splitlines()
        assert texts == [row.kind, row.id, "group a", f"truth {int(row.truth)}", "p = 0.250 none", "p = 0.500 given"]
    assert len(axes.images) == 6
    assert (
        len([lines for lines in axes.collections if hasattr(lines, "levels")]) == 2
    )  # one outline per image, in the column of given masks
    widths = np.array([bar.get_width() for bar in axes.patches])
    np.testing.assert_allclose(widths / widths.max(), [-0.5, 1, 0, 0.25])
    words_drawn = [text.get_text() for text in axes.texts]
    assert [words_drawn.count(words) for words in ("-1.00", "+2.00", "not given", "+0.50")] == [1, 1, 1, 1]
    assert "Grad-CAM of 1 x 2 cells, one scale per heatmap" in words_drawn


def test_a_heatmap_is_laid_over_a_grey_image_and_an_empty_one_is_marked():
    image, heatmap = np.full((8, 10, 3), 90, np.uint8), np.zeros((8, 10), np.float32)
    heatmap[3, 4] = 1
    row = explanation("false positive, 1/1", image=image, heatmap={"none": heatmap, "given": 0 * heatmap})
    (axes,) = draw_explanations([row], "melanoma", ["globules", "streaks"]).axes
    _, some, none = (picture.get_array() for picture in axes.images)
    np.testing.assert_allclose(some[0, 0], none[3, 4])
    assert np.ptp(some[0, 0]) == 0 < np.ptp(some[3, 4])
    assert some[3, 4].mean() > some[0, 0].mean()
    assert [text.get_text() for text in axes.texts].count("none") == 1


def test_no_masks_are_drawn_for_a_network_that_reads_none():
    without_masks = {"heatmap": {"none": np.ones((8, 10), np.float32)}, "probability": {"none": 0.1}}
    row = explanation("false negative, 1/2", influence=np.zeros(0), masks=np.ones((2, 8, 10), bool))
    (axes,) = draw_explanations([replace(row, **without_masks)], "melanoma", ["globules", "streaks"]).axes
    assert (len(axes.images), len(axes.collections), len(axes.patches)) == (2, 0, 0)


@pytest.mark.parametrize(("count", "ending"), [(2, ""), (15, "$_{second visit}$, left forearm" + 40 * "0123456789")])
def test_no_text_covers_another_or_leaves_the_picture(count, ending):
    kinds = ("true positive, 3/1234", "false negative, 2/1234", "false positive, 1/234")
    rows = [explanation(kind, count, id=kind + ending, group="group" + ending) for kind in kinds]
    names = [f"mask {number}{ending[:30]}" for number in range(count)]
    figure = draw_explanations(rows, "melanoma", names)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    pictures = [picture.get_window_extent(renderer) for picture in figure.axes[0].images]
    bars = [bar.get_window_extent(renderer) for bar in figure.axes[0].patches]
    assert all(figure.bbox.x0 < box.x0 and box.x1 < figure.bbox.x1 for box in boxes)
    assert all(figure.bbox.y0 < box.y0 and box.y1 < figure.bbox.y1 for box in boxes)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert not [box for box in boxes for other in (*pictures, *bars) if box.overlaps(other)]
