"""Images are scored and chosen as worked by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.gallery.selection import label_scores, mask_scores, orders, rounds

LN3 = float(np.log(3))  # the logit of 3/4


def run(arm: str, labels: list[tuple[object, ...]] = (), dice: list[tuple[object, ...]] = (), exclusive=False) -> Any:  # type: ignore[assignment]
    table = pd.DataFrame(labels, columns=["id", "label", "truth", "logit"]).assign(mask_condition="none")
    scores = pd.DataFrame(dice, columns=["id", "mask", "dice"])
    configuration = SimpleNamespace(exclusive_labels=exclusive)
    job = SimpleNamespace(arm=arm, last=SimpleNamespace(configuration=configuration))
    own = {"labels": table if labels else None, "scores": scores if dice else None}
    return SimpleNamespace(job=job, condition=lambda name: name, **own)


def test_disagreement_is_the_spread_over_arms_of_the_mean_over_runs_and_loss_the_cross_entropy() -> None:
    runs = [
        run("a", [("one", "x", 1, LN3), ("one", "y", np.nan, 0.0)]),
        run("a", [("one", "x", 1, -LN3), ("one", "y", np.nan, 0.0)]),
        run("b", [("one", "x", 1, LN3), ("one", "y", np.nan, 0.0), ("two", "x", 0, 0.0)]),
    ]
    scores = label_scores(runs, "none")
    # x: arm a has 3/4 and 1/4, mean 1/2, arm b 3/4: deviation 1/8; y: 0
    assert scores.loc["one", "disagreement"] == pytest.approx(1 / 16)
    arm_a, arm_b = (np.log(4 / 3) + np.log(4)) / 2, np.log(4 / 3)
    assert scores.loc["one", "loss"] == pytest.approx((arm_a + arm_b) / 2)
    assert np.isnan(scores.loc["two", "disagreement"])  # one arm alone
    assert scores.loc["two", "loss"] == pytest.approx(np.log(2))
    assert label_scores(runs, "given").empty and mask_scores(runs).empty


def test_the_loss_of_exclusive_labels_is_that_of_the_true_one() -> None:
    scores = label_scores([run("a", [("one", "x", 1, LN3), ("one", "y", 0, 5.0)], exclusive=True)], "none")
    assert scores.loc["one", "loss"] == pytest.approx(np.log(4 / 3))


def test_masks_disagree_by_their_dice() -> None:
    runs = [run("a", dice=[("one", "m", 0.5), ("two", "m", np.nan)]), run("b", dice=[("one", "m", 0.7)])]
    scores = mask_scores(runs)
    assert scores.loc["one"].tolist() == pytest.approx([0.1, 0.4])
    assert scores.loc["two"].isna().all()


def test_orders_begin_with_the_highest_and_the_random_one_is_a_sample_of_all_images() -> None:
    scores = pd.DataFrame({"disagreement": [0.1, 0.3, 0.3, np.nan], "loss": [4, 1, 2, 3.0]}, index=list("badc"))
    ordered = orders(scores)
    assert ordered["disagreement"] == ["a", "d", "b"]  # equal ones by id, undefined ones left out
    assert ordered["loss"] == ["b", "c", "d", "a"]
    assert sorted(ordered["random"]) == list("abcd") and orders(scores) == ordered
    assert list(orders(scores.assign(disagreement=np.nan))) == ["loss", "random"]


def test_rounds_take_one_more_of_each_order_and_no_image_twice() -> None:
    ordered = {"disagreement": ["a", "b", "c"], "loss": ["a", "c", "b", "d"], "random": ["d", "b", "a", "c"]}
    assert list(rounds(ordered)) == [["a", "d"], ["b", "c"], [], []]
