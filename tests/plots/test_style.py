"""Tests of the style of figures: reproducible bytes, distinguishable colours, names of metrics."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dermoscopy.plots.style import COLOURS, PALETTE, arm_colours, metric_words, save_figure


def draw() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1, 4])
    return figure


@pytest.mark.parametrize("name", ["figure.png", "figure.svg"])
def test_the_same_figure_gives_the_same_bytes_and_no_other_files(tmp_path, name):
    first = save_figure(draw(), tmp_path / name).read_bytes()
    assert save_figure(draw(), tmp_path / name).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_png_has_the_size_of_its_inches_and_a_small_one_few_colours(tmp_path):
    small = Image.open(save_figure(draw(), tmp_path / "small.png", dpi=50))
    whole = Image.open(save_figure(draw(), tmp_path / "whole.png", dpi=50, small=False))
    assert small.size == whole.size == (100, 50)
    assert small.mode == "P"
    assert len(small.getcolors()) <= PALETTE
    difference = np.abs(np.asarray(small.convert("RGB"), int) - np.asarray(whole.convert("RGB"), int))
    assert difference.mean() < 2


def luminance(colour: str) -> float:
    """Return the relative luminance by WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("number", [1, 7, 8, 12, 20])
def test_arms_have_different_colours_that_are_visible_on_white(number):
    colours = arm_colours(number)
    assert len({mpl.colors.to_hex(colour) for colour in colours}) == number
    assert all(1.05 / (luminance(colour) + 0.05) > 1.9 for colour in colours)  # contrast; white on white is 1


def test_a_few_arms_have_the_first_colours_of_the_palette():
    assert arm_colours(3) == list(COLOURS[:3])


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("f1", "F1"),
        ("f1/globules", "F1 globules"),
        ("f1_at_best_f1", "F1 at best F1"),
        ("recall_at_youden/milia_like_cyst", "recall at Youden milia like cyst"),
        ("iou", "IoU"),
        ("task2_jaccard", "Task 2 Jaccard"),
        ("auroc", "AUROC"),
        ("pauc_above_sensitivity_80", "pAUC above sensitivity 80"),
        ("average_precision", "average precision"),
        ("thresholded_jaccard", "thresholded Jaccard"),
    ],
)
def test_a_metric_is_named_in_words(metric, words):
    assert metric_words(metric) == words
