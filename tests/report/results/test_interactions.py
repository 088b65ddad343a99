"""Two swept axes give one table of means; one axis, or axes that never cross, give none."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dermoscopy.report.results.interactions import interactions
from dermoscopy.runs.tables import load_sweep


def scores(values: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(values, orient="index", columns=["seed 0", "seed 1"])


def test_the_cells_are_the_means_of_the_arms(make_sweep: Callable[..., Path]) -> None:
    axes = {"loss": ["bce", "dice"], "mean": ["1", "2"], "seed": ["0", "1"]}
    sweep = load_sweep(make_sweep(axes, ["done"] * 8))
    table = scores(
        {f"loss={one}, mean={two}": [k, k + 1] for k, (one, two) in enumerate((("bce", 1), ("bce", 2), ("dice", 1)))}
    )
    (found,) = interactions(sweep, table.astype(float))
    assert (found.rows, found.columns) == ("loss", "mean")
    assert found.means.to_numpy()[0].tolist() == [0.5, 1.5]
    assert found.means.loc["dice", "1"] == 2.5 and pd.isna(found.means.loc["dice", "2"])
    assert found.counts.to_numpy().tolist() == [[1, 1], [1, 0]]


def test_a_third_axis_is_averaged_and_each_pair_has_a_table(make_sweep: Callable[..., Path]) -> None:
    axes = {"a": ["1", "2"], "b": ["1", "2"], "c": ["1", "2"]}
    sweep = load_sweep(make_sweep(axes, ["done"] * 8))
    arms = [f"a={a}, b={b}, c={c}" for a in "12" for b in "12" for c in "12"]
    found = interactions(sweep, scores({arm: [k, k] for k, arm in enumerate(arms)}).astype(float))
    assert [(pair.rows, pair.columns) for pair in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found[0].means.loc["1", "1"] == 0.5 and found[0].counts.loc["1", "1"] == 2


@pytest.mark.parametrize("axes", [{"zeroing": ["x", "y"], "seed": ["0", "1"]}, {"seed": ["0", "1"]}])
def test_one_axis_has_no_interaction(axes: dict[str, list[str]], make_sweep: Callable[..., Path]) -> None:
    sweep = load_sweep(make_sweep(axes, ["done"] * (2 * len(axes.get("zeroing", "1")))))
    arms = list(dict.fromkeys(job.arm for job in sweep.jobs))
    assert interactions(sweep, scores({arm: [1.0, 2.0] for arm in arms})) == []
