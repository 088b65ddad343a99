"""Resampled scores of masks: the same as those of an evaluation."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from dermoscopy.evaluation.summary import summarise
from dermoscopy.metrics.segmentation import averages
from dermoscopy.report.results.mask_scores import METRICS, SCORES, MaskScores, tta_and_size


def test_the_place_of_a_metric_is_a_tta_and_a_size() -> None:
    assert tta_and_size("none") == ("none", "store")
    assert tta_and_size("flips_original") == ("flips", "original")


def test_weighted_scores_agree_with_those_of_the_evaluation(make_images: Callable[..., pd.DataFrame]) -> None:
    rng = np.random.default_rng(0)
    table = make_images([f"i{k}" for k in range(30)], 0.1, rng)
    table.loc[rng.random(len(table)) < 0.2, "precision"] = np.nan
    weight = rng.integers(0, 4, (5, 30)).astype(float)
    own = MaskScores.from_table(table, "original")
    expected = averages({name: own.metrics[name] for name in METRICS[:5]}, own.areas, weight)
    for name in SCORES:
        if name != "hd95":
            assert own.score(name, weight) == pytest.approx(expected[name][:, -1]), name
    assert np.isnan(own.score("hd95", weight)).all()
    whole = summarise(table).query("mask == 'mean' and size == 'original'").set_index("metric")["mean"]
    for name in ("pooled_iou", "task2_jaccard"):
        assert own.score(name, np.ones((1, 30)))[0] == pytest.approx(whole[name])


def test_predictions_of_an_older_run_lack_only_the_score_of_task_2(make_images: Callable[..., pd.DataFrame]) -> None:
    table = make_images([f"i{k}" for k in range(5)], 0.1, np.random.default_rng(0))
    own, older = (MaskScores.from_table(rows, "store") for rows in (table, table.drop(columns="pixels")))
    for name in SCORES:
        one, other = own.score(name, np.ones((2, 5))), older.score(name, np.ones((2, 5)))
        assert np.isnan(other).all() if name == "task2_jaccard" else other == pytest.approx(one, nan_ok=True), name
