"""The main figure shows every arm and repeat, cuts nothing off and is small on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dermoscopy.plots.style import save_figure
from dermoscopy.report.figures.arms import NARROWEST, draw_figure


def tables(arms: int, seeds: int = 3, noise: float = 0.02) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    index, columns = [f"zeroing=cells_{k}" for k in range(arms)], [f"seed {k}" for k in range(seeds)]
    values = noise * rng.normal(size=(arms, seeds))
    return {
        name: pd.DataFrame(base + values, index=index, columns=columns)
        for name, base in (("masks none", 0.4), ("masks given", 0.8))
    }


def curves(arms: int, seeds: int = 3, epochs: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (arm * seeds + seed, f"zeroing=cells_{arm}", epoch, mode, 0.4 + 0.01 * rng.normal())
        for arm in range(arms)
        for seed in range(seeds)
        for epoch in range(1, epochs + 1)
        for mode in ("train", "val")
    ]
    return pd.DataFrame(rows, columns=["job", "arm", "cumulative", "mode", "f1"])


@pytest.mark.parametrize("arms", [1, 5, 25])
def test_the_file_is_small_and_wide_enough_for_a_page(arms: int, tmp_path: Path) -> None:
    path = save_figure(draw_figure(tables(arms), curves(arms), "f1", ("always positive", 0.35)), tmp_path / "f.png")
    assert path.stat().st_size <= 200_000
    with Image.open(path) as image:
        assert image.width >= 900


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    first, second = (save_figure(draw_figure(tables(3), curves(3), "f1"), tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_the_axis_holds_every_interval_and_the_trivial_predictor() -> None:
    left = draw_figure(tables(4, noise=0.2), curves(4), "f1", ("always positive", 0.1)).axes[0]
    low, high = left.get_xlim()
    drawn = np.concatenate([np.asarray(line.get_xdata(), float) for line in left.lines])
    assert low < np.nanmin(drawn)
    assert np.nanmax(drawn) < high
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "masks none",
        "masks given",
        "always positive",
    ]


def test_intervals_of_shares_stay_within_0_and_1_and_those_of_distances_need_not() -> None:
    few = {"masks none": pd.DataFrame([[0.1, 0.8]], index=["a"], columns=["seed 0", "seed 1"])}
    for factor, within in ((1, True), (10, False)):
        interval = draw_figure({name: factor * table for name, table in few.items()}, curves(1), "f1").axes[0].lines[1]
        low, high = interval.get_xdata()
        assert (low >= 0 and high <= factor) == within


def test_noise_does_not_fill_the_axis() -> None:
    only = {"masks none": tables(2, noise=1e-5)["masks none"]}
    low, high = draw_figure(only, curves(2), "f1").axes[0].get_xlim()
    assert high - low >= NARROWEST * 0.999


def test_a_curve_ends_where_the_first_repeat_ends() -> None:
    history = curves(1, seeds=2)
    stopped = history[(history["job"] == 0) | (history["cumulative"] <= 12)]
    assert len(draw_figure(tables(1), stopped, "f1").axes[1].lines[0].get_xdata()) == 12


def test_arms_without_a_value_keep_their_row_and_missing_curves_are_reported(tmp_path: Path) -> None:
    empty = {"masks none": tables(3)["masks none"] * np.nan}
    figure = draw_figure(empty, pd.DataFrame(columns=["job", "arm", "mode"]), "average_precision")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["cells_0", "cells_1", "cells_2"]
    assert figure.axes[1].texts[0].get_text() == "no validation average precision on disk"
    save_figure(figure, tmp_path / "f.png")


@pytest.mark.parametrize("name", [r"$\nothing$", "50 $ or 60 $", "_a^b", "<a> & {b}"])
def test_an_arm_of_any_name_is_written_as_it_is(name: str, tmp_path: Path) -> None:
    table = pd.DataFrame([[0.4, 0.5], [0.5, 0.6]], index=[f"x={name}", "x=plain"], columns=["seed 0", "seed 1"])
    figure = draw_figure({"masks none": table}, curves(0), "f1")
    save_figure(figure, tmp_path / "figure.svg")
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [name, "plain"]
