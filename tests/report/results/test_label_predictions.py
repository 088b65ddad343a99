"""Scores of predicted labels that can be resampled: the same as those of a run, by hand, and with old files."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from dermoscopy.metrics.classification import known_labels, label_scores, log_odds
from dermoscopy.metrics.weighted_classification import DECISIONS, RANKING, SCORES, TUNED, auroc
from dermoscopy.report.results.label_predictions import Predictions

LABELS = ["a", "b", "c"]


def table(images: int = 50, exclusive: bool = False, unknown: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    truth = np.eye(3)[rng.integers(0, 3, images)] if exclusive else (rng.random((images, 3)) < 0.4).astype(float)
    truth[rng.random(truth.shape) < unknown] = np.nan
    logit = np.round(np.nan_to_num(truth) + rng.normal(size=truth.shape), 1)  # rounded, so that there are ties
    ids = np.repeat([f"i{k:02}" for k in range(images)], 3)
    columns = {"id": ids, "group": ids, "availability": "none", "label": LABELS * images}
    return pd.DataFrame(columns | {"truth": truth.ravel(), "logit": logit.ravel()})


@pytest.mark.parametrize("exclusive", [False, True])
def test_scores_are_those_that_a_run_records(exclusive: bool) -> None:
    rows, threshold = table(exclusive=exclusive, unknown=0.1), np.array([0.45, -0.25, 1.05])
    rows["threshold"] = np.tile(threshold, 50)
    truth, logit = (torch.tensor(rows[name].to_numpy().reshape(-1, 3)) for name in ("truth", "logit"))
    recorded = label_scores(logit, truth, LABELS, exclusive, torch.tensor(threshold))
    rows["truth"], rows["logit"] = (
        known_labels(truth, exclusive).numpy().ravel(),
        log_odds(logit, exclusive).numpy().ravel(),
    )
    own = Predictions.from_table(rows, "none", exclusive)
    for name in SCORES:
        assert own.score(name, np.ones((1, 50)))[0] == pytest.approx(recorded[name], rel=1e-5), name


def test_a_weight_counts_an_image_as_often() -> None:
    rows = table(unknown=0.1)
    weight = np.random.default_rng(1).integers(0, 4, (3, 50))
    own = Predictions.from_table(rows, "none")
    for row, times in enumerate(weight):
        several = np.repeat(np.arange(50), times)
        copies = Predictions(own.id[several], own.group[several], own.truth[several], own.logit[several])
        for name in SCORES:
            one = copies.score(name, np.ones((1, len(several))))[0]
            assert own.score(name, weight.astype(float))[row] == pytest.approx(one), name


def test_auroc_agrees_with_scikit_learn_under_weights_and_ties() -> None:
    rng = np.random.default_rng(0)
    truth, logit, weight = rng.integers(0, 2, 40).astype(float), rng.integers(0, 6, 40) / 2, rng.random((4, 40))
    expected = [roc_auc_score(truth, logit, sample_weight=w) for w in weight]
    assert auroc(truth, logit, weight) == pytest.approx(expected)


def test_scores_by_hand() -> None:
    truth, logit = np.array([[1.0, 1, 0, 0, 0]]).T, np.array([[3.0, 1, 2, 1, -1]]).T
    ids = np.arange(5).astype(object)
    own = Predictions(ids, ids, truth, logit, threshold=np.array([1.5]))
    got = {name: own.score(name, np.ones((1, 5)))[0] for name in SCORES}
    assert got["auroc"] == pytest.approx((3 + 1.5) / 6)  # the tie counts half
    assert got["average_precision"] == pytest.approx((1 + 2 / 4) / 2)
    assert (got["recall"], got["specificity"], got["precision"]) == (1, pytest.approx(1 / 3), 0.5)
    assert (got["tuned_recall"], got["tuned_specificity"], got["tuned_precision"]) == (0.5, pytest.approx(2 / 3), 0.5)
    assert got["tuned_balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert (got["accuracy"], got["tuned_accuracy"]) == (0.6, 0.6)


@pytest.mark.parametrize("threshold", [None, np.nan])
def test_without_a_threshold_it_is_zero(threshold: float | None) -> None:
    rows = table() if threshold is None else table().assign(threshold=threshold)
    own, once = Predictions.from_table(rows, "none"), np.ones((1, 50))
    for name in DECISIONS:
        assert own.score(f"{TUNED}{name}", once) == own.score(name, once)


def test_a_label_of_one_kind_of_images_has_no_ranking() -> None:
    ids = np.arange(4).astype(object)
    for truth, expected in ((0.0, {"auroc": np.nan, "average_precision": np.nan}), (1.0, {"auroc": np.nan})):
        own = Predictions(ids, ids, np.full((4, 1), truth), np.arange(4.0)[:, None])
        for name in RANKING:
            assert own.score(name, np.ones((2, 4))) == pytest.approx([expected.get(name, 1.0)] * 2, nan_ok=True)
