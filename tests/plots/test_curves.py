"""Tests of curves: they show the values of the table."""

import numpy as np
import pandas as pd
import pytest

from dermoscopy.plots.curves import draw_lr_curve, draw_stage


@pytest.fixture
def history() -> pd.DataFrame:
    rows = [(epoch, mode) for epoch in range(4) for mode in ("train", "val")]
    table = pd.DataFrame(rows, columns=["epoch", "mode"])
    return table.assign(loss=np.arange(8.0), f1=np.arange(8.0) / 10)


def lines(axes) -> dict[str, tuple[list, list]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def test_a_stage_has_curves_of_loss_and_score_of_both_modes_over_epochs_from_one(history):
    loss, score = draw_stage(history, "f1", best=2).axes
    assert (loss.get_title(loc="left"), score.get_title(loc="left")) == ("loss", "F1")
    assert lines(loss)["train"] == ([1, 2, 3, 4], [0, 2, 4, 6])
    assert lines(loss)["val"] == ([1, 2, 3, 4], [1, 3, 5, 7])
    assert lines(score)["val"] == ([1, 2, 3, 4], [0.1, 0.3, 0.5, 0.7])
    assert [set(lines(axes)["best epoch"][0]) for axes in (loss, score)] == [{3}, {3}]


@pytest.fixture
def finder() -> pd.DataFrame:
    loss = np.array([1.0, 0.9, 0.5, 0.8, np.inf])
    return pd.DataFrame({"lr": np.logspace(-6, -2, 5), "loss": loss, "smoothed": loss})


def test_the_learning_rate_curve_marks_the_suggestion_and_omits_losses_that_are_not_finite(finder):
    (axes,) = draw_lr_curve(finder, 1e-4).axes
    assert axes.get_xscale() == "log"
    assert lines(axes)["one step"] == (finder["lr"][:4].tolist(), finder["loss"][:4].tolist())
    assert set(lines(axes)["suggestion 0.0001"][0]) == {1e-4}
    assert "suggestion" not in "".join(lines(draw_lr_curve(finder, None).axes[0]))


def test_a_final_jump_does_not_flatten_the_rest():
    loss = np.append(np.linspace(1, 0.5, 99), 1000.0)
    table = pd.DataFrame({"lr": np.logspace(-6, 0, 100), "loss": loss, "smoothed": np.append(loss[:-1], 0.5)})
    low, high = draw_lr_curve(table, None).axes[0].get_ylim()
    assert low < 0.5 < 1 < high < 2


def test_a_constant_loss_is_drawn():
    table = pd.DataFrame({"lr": [0.1, 0.2], "loss": [1.0, 1.0], "smoothed": [1.0, 1.0]})
    low, high = draw_lr_curve(table, None).axes[0].get_ylim()
    assert low < 1 < high
