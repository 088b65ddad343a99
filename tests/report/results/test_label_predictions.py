"""Resampled scores of predicted labels: the same as those that a run records, and by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from dermoscopy.metrics.classification import known_labels, label_scores, log_odds
from dermoscopy.metrics.weighted_classification import DECISIONS
from dermoscopy.report.results.label_predictions import TRIVIAL_SCORES, Predictions, trivial_predictors
from dermoscopy.report.results.test_images import trivial_scores

LABELS = ["a", "b", "c"]


def table(images: int = 50, exclusive: bool = False, unknown: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    truth = np.eye(3)[rng.integers(0, 3, images)] if exclusive else (rng.random((images, 3)) < 0.4).astype(float)
    truth[rng.random(truth.shape) < unknown] = np.nan
    logit = np.round(np.nan_to_num(truth) + rng.normal(size=truth.shape), 1)  # rounded, so that there are ties
    ids = np.repeat([f"i{k:02}" for k in range(images)], 3)
    columns = {"id": ids, "group": ids, "mask_condition": "none", "label": LABELS * images, "threshold": 0.0}
    return pd.DataFrame(columns | {"truth": truth.ravel(), "logit": logit.ravel()})


@pytest.mark.parametrize("exclusive", [False, True])
def test_scores_are_those_that_a_run_records(exclusive: bool) -> None:
    rows, threshold = table(exclusive=exclusive, unknown=0.1), np.array([0.45, -0.25, 1.05])
    rows["threshold"] = np.tile(threshold, 50)
    truth, logit = (torch.tensor(rows[name].to_numpy().reshape(-1, 3)) for name in ("truth", "logit"))
    recorded = label_scores(logit, truth, LABELS, exclusive, torch.tensor(threshold), "youden")
    rows["truth"], rows["logit"] = (
        known_labels(truth, exclusive).numpy().ravel(),
        log_odds(logit, exclusive).numpy().ravel(),
    )
    own = Predictions.from_table(rows, "none", "youden", exclusive)
    assert {name for name in recorded if "/" not in name} - {*own.scores} <= {"brier", "ece", "images"} | {
        "sensitivity_at_specificity_90"
    }
    for name in own.scores:
        assert own.score(name, np.ones((1, 50)))[0] == pytest.approx(recorded[name], rel=1e-5), name


def test_an_image_with_a_weight_counts_that_often() -> None:
    rows = table(unknown=0.1)
    weight = np.random.default_rng(1).integers(0, 4, (3, 50))
    own = Predictions.from_table(rows, "none", "youden")
    for row, times in enumerate(weight):
        several = np.repeat(np.arange(50), times)
        images = own.id[several], own.group[several], own.truth[several], own.logit[several]
        copies = Predictions(*images, own.threshold, own.rule)
        for name in own.scores:
            one = copies.score(name, np.ones((1, len(several))))[0]
            assert own.score(name, weight.astype(float))[row] == pytest.approx(one), name


def test_scores_by_hand() -> None:
    truth, logit = np.array([[1.0, 1, 0, 0, 0]]).T, np.array([[3.0, 1, 2, 1, -1]]).T
    ids = np.arange(5).astype(object)
    own = Predictions(ids, ids, truth, logit, threshold=np.array([1.5]), rule="youden")
    got = {name: own.score(name, np.ones((1, 5)))[0] for name in own.scores}
    assert got["auroc"] == pytest.approx((3 + 1.5) / 6)  # the tie counts half
    assert got["average_precision"] == pytest.approx((1 + 2 / 4) / 2)
    assert (got["recall"], got["specificity"], got["precision"]) == (1, pytest.approx(1 / 3), 0.5)
    assert (got["recall_at_youden"], got["specificity_at_youden"], got["precision_at_youden"]) == (
        0.5,
        pytest.approx(2 / 3),
        0.5,
    )
    assert got["balanced_accuracy_at_youden"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert (got["accuracy"], got["accuracy_at_youden"]) == (0.6, 0.6)


def test_with_a_threshold_of_zero_its_scores_are_those_of_the_logits() -> None:
    own, once = Predictions.from_table(table(), "none", "zero"), np.ones((1, 50))
    for name in DECISIONS:
        assert own.score(f"{name}_at_zero", once) == own.score(name, once)
    assert np.isnan(own.score("f1_at_youden", np.ones((2, 50)))).tolist() == [True, True]  # not its rule


def test_predictions_are_read_from_a_table_in_order_of_id_with_groups() -> None:
    rows = [("b", "g", "none", "x", 1, 0.5, 0.2), ("a", None, "none", "x", None, -0.5, 0.2)]
    rows.append(("a", None, "given", "x", 1, 9.0, 0.2))
    table = pd.DataFrame(rows, columns=["id", "group", "mask_condition", "label", "truth", "logit", "threshold"])
    predictor = Predictions.from_table(table, "none", "youden")
    assert predictor.id.tolist() == ["a", "b"]
    assert predictor.group.tolist() == ["a", "g"]  # an image without a known group is its own group
    assert np.isnan(predictor.truth[0, 0])
    assert predictor.threshold == np.array([0.2])
    assert predictor.logit[:, 0].tolist() == [-0.5, 0.5]
    with pytest.raises(ValueError, match="given, none"):
        Predictions.from_table(table, "shuffled", "youden")


def test_the_most_frequent_of_exclusive_classes_is_as_good_as_any_constant_class() -> None:
    counts, ids = np.array([2, 5, 3, 0]), np.arange(10).astype(object)  # the last class has no image
    truth = np.repeat(np.eye(4), counts, axis=0)
    table = Predictions(ids, ids, truth, np.zeros((10, 4)), exclusive=True)
    scores = trivial_scores(trivial_predictors(table), TRIVIAL_SCORES)
    trivial, shuffled = scores.to_dict("records")
    assert shuffled["auroc"] == 0.5 and np.isnan(shuffled["accuracy"])
    assert (trivial["accuracy"], trivial["balanced_accuracy"]) == (0.5, 1 / 3)
    for name in ("accuracy", "balanced_accuracy", "f1"):
        constant = [
            Predictions(ids, ids, truth, np.tile(np.eye(4)[k], (10, 1)), exclusive=True).score(name, np.ones((1, 10)))
            for k in range(4)
        ]
        assert trivial[name] == pytest.approx(np.max(constant)) == pytest.approx(constant[1][0])
    unknown = Predictions(ids, ids, np.full((10, 4), np.nan), np.zeros((10, 4)), exclusive=True)
    assert trivial_scores(trivial_predictors(unknown), TRIVIAL_SCORES).isna().all(axis=None)
