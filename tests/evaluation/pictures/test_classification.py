"""Tests of pictures of evaluated labels: their numbers are those of the tables."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from dermoscopy.evaluation.pictures.classification import PANELS, draw_confusion, draw_reliability

NAMES = ("mel", "nv")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def counts(labels: list[str], kinds: list, cells: list[int]) -> pd.DataFrame:
    rows = [(label, truth, predicted) for label in labels for truth in kinds for predicted in kinds]
    table = pd.DataFrame(rows, columns=["label", "truth", "predicted"])
    return table.assign(count=np.resize(cells, len(table)), threshold=0.5 if kinds == [1, 0] else np.nan)


def test_a_confusion_has_one_panel_per_label_and_shares_within_each_row_of_truth():
    figure = draw_confusion(counts(["mel", "nv"], [1, 0], [3, 1, 0, 6]), "a title")
    (axes,) = figure.axes
    assert len(axes.images) == 2
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert {"a title", "mel", "nv", "3\n75%", "1\n25%", "0\n0%", "6\n100%"} <= set(texts(figure))
    assert texts(figure).count("predicted (logit > 0.50)") == 2
    assert texts(figure).count("yes") == texts(figure).count("no") == 2 * 2


def test_exclusive_labels_share_one_panel_with_their_names_as_ticks():
    figure = draw_confusion(counts([""], ["mel", "nv", "bkl"], [*range(9)]), "")
    (image,) = figure.axes[0].images
    np.testing.assert_allclose(
        image.get_array(), np.array([[0, 1 / 3, 2 / 3], [3 / 12, 4 / 12, 5 / 12], [6 / 21, 7 / 21, 8 / 21]])
    )
    assert "predicted (likeliest)" in texts(figure)
    assert [texts(figure).count(name) for name in ("mel", "nv", "bkl")] == [2, 2, 2]


def test_a_true_label_without_images_is_a_row_of_zeros():
    (image,) = draw_confusion(counts(["mel"], [1, 0], [0, 0, 2, 2]), "").axes[0].images
    np.testing.assert_allclose(image.get_array(), [[0, 0], [0.5, 0.5]])


def test_labels_beyond_the_number_of_panels_are_counted_in_the_title():
    figure = draw_confusion(counts([f"label {n}" for n in range(PANELS + 2)], [1, 0], [1]), "Confusion")
    assert len(figure.axes[0].images) == PANELS
    assert f"Confusion, {PANELS} of {PANELS + 2} labels" in texts(figure)


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Ten images of one label: four of the five likely ones are positive, one of the five unlikely ones."""
    logit = np.repeat([np.log(0.65 / 0.35), np.log(0.15 / 0.85)], 5)
    return pd.DataFrame({"label": "mel", "truth": [1, 1, 1, 1, 0, 1, 0, 0, 0, 0], "logit": logit})


def test_a_reliability_has_one_point_per_bin_at_mean_probability_and_share_of_positives(predictions):
    figure = draw_reliability(predictions, ["mel"], "a title")
    (axes,) = figure.axes
    curve = axes.lines[-1]
    (x, y), side = (axes.lines[1].get_xdata()[0], axes.lines[1].get_ydata()[0]), np.ptp(axes.lines[1].get_xdata())
    np.testing.assert_allclose((curve.get_xdata() - x) / side, [0.15, 0.65], atol=1e-6)
    np.testing.assert_allclose((curve.get_ydata() - y) / side, [0.2, 0.8], atol=1e-6)
    assert "mel, ECE 0.100" in texts(figure)  # 5/10 |0.2 - 0.15| + 5/10 |0.8 - 0.65|
    assert texts(figure).count("5") == 2
