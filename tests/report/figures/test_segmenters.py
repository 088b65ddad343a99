"""Figures of segmenters draw the numbers of their tables, in order, with labels that do not overlap."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.figures.segmenters import draw_boxes, draw_costs
from dermoscopy.report.results.boxes import box_table

Scores = Callable[..., pd.DataFrame]


def test_the_figure_draws_the_numbers_of_the_table_with_the_best_median_first(make_scores: Scores) -> None:
    rng = np.random.default_rng(0)
    scores = {f"arm {k}": {f"{n}": [*rng.beta(5, 2, 2)] for n in range(20 + k)} for k in range(4)}
    images = make_scores(**scores).sample(frac=1, random_state=0)
    images.loc[images["id"] == "3", "value"] = np.nan
    expected = box_table(images)
    assert list(expected["median"]) == sorted(expected["median"], reverse=True)
    assert dict(expected["images"].items()) == {f"arm {k}": 19 + k for k in range(4)}
    (axes,) = draw_boxes(images, "IoU").axes
    for place, (box, row) in enumerate(zip(axes.patches, expected.itertuples(), strict=True)):
        x, y = box.get_path().vertices.T
        assert (x.min(), x.max()) == pytest.approx((row.lower, row.upper))
        assert y.min() < place < y.max()
        lines = [
            line for line in axes.lines if len(line.get_ydata()) and np.mean(line.get_ydata()) == pytest.approx(place)
        ]
        drawn = [float(line.get_xdata()[0]) for line in lines if len(set(line.get_xdata())) == 1]
        assert any(value == pytest.approx(row.median) for value in drawn)
        assert any(value == pytest.approx(row.mean) for value in drawn)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"{arm}\n{n} images, 2 seeds" for arm, n in expected["images"].items()]
    bottom, top = axes.get_ylim()
    assert top < 0 < bottom


def test_labels_are_complete_and_do_not_overlap_for_long_names_of_arms(make_scores: Scores) -> None:
    arms = {f"network.encoder_name=tu-convnext_{k}.fb_in22k, loss=dice, model.freeze=[encoder]": 0 for k in range(6)}
    figure = draw_boxes(make_scores(**{arm: {"a": [0.2], "b": [0.9]} for arm in arms}), "IoU")
    figure.draw_without_rendering()
    boxes = sorted((label.get_window_extent() for label in figure.axes[0].get_yticklabels()), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))
    assert all(box.x0 >= 0 for box in boxes)


def test_an_arm_without_values_keeps_its_row_and_no_values_at_all_are_an_error(make_scores: Scores) -> None:
    images = make_scores(full={"a": [0.5]}, empty={"a": [np.nan]})
    labels = [label.get_text() for label in draw_boxes(images, "IoU").axes[0].get_yticklabels()]
    assert labels == ["full\n1 images", "empty\n0 images"]
    with pytest.raises(ValueError, match="no image has a value of IoU"):
        draw_boxes(images[images["arm"] == "empty"], "IoU")


def test_costs_are_drawn_for_each_arm() -> None:
    costs = pd.DataFrame({"parameters": [1e6, 1.2e6], "epoch": [3.0, 4.0]}, index=["network=small", "network=large"])
    left, right = draw_costs(costs, pd.Series([0.5, 0.6], costs.index), "Dice").axes
    assert [line.get_xdata()[0] for line in left.lines] == [1.0, 1.2]
    assert [line.get_xdata()[0] for line in right.lines] == [3.0, 4.0]
    assert [line.get_ydata()[0] for line in right.lines] == [0.5, 0.6]
