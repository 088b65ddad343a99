"""Tests of mean scores of tables and their intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dermoscopy.evaluation.summary import METRICS, summarise
from dermoscopy.metrics.segmentation import image_scores, mask_scores


def table(counts: np.ndarray, groups: list[str] | None = None, size: str = "store") -> pd.DataFrame:
    """Return the rows of images i0, i1, ... with masks a, b, ... for counts (N, K, 4)."""
    images, masks = counts.shape[:2]
    names = {"id": np.repeat([f"i{n}" for n in range(images)], masks), "mask": list("abcd"[:masks]) * images}
    names["group"] = np.repeat(groups or [f"i{n}" for n in range(images)], masks)
    tp, fp, fn, _ = np.moveaxis(counts, -1, 0)
    values = image_scores(counts) | {"hd95": np.full(tp.shape, np.nan), "truth": tp + fn, "predicted": tp + fp}
    values["pixels"] = counts.sum(-1)
    return pd.DataFrame(names | {"size": size} | {name: value.ravel() for name, value in values.items()})


def drawn(images: int = 30, masks: int = 2) -> np.ndarray:
    counts = np.random.default_rng(0).integers(1, 50, (images, masks, 4))
    counts[0] = 0
    counts[1, 0] = 0, 0, 0, 9
    return counts


def test_means_equal_those_that_an_epoch_logs() -> None:
    counts = drawn()
    expected = mask_scores(counts, ["a", "b"])
    shuffled = table(counts).sample(frac=1, random_state=0)
    scores = summarise(shuffled)
    means = {row.metric if row.mask == "mean" else f"{row.metric}/{row.mask}": row.mean for row in scores.itertuples()}
    assert means == pytest.approx(expected)


def test_only_images_with_a_defined_score_are_counted() -> None:
    scores = summarise(table(drawn())).set_index(["metric", "mask"])["images"]
    assert [scores["dice", mask] for mask in ("a", "b", "mean")] == [29, 29, 29]
    counts = drawn(masks=1)
    counts[2, 0] = 0, 5, 0, 5
    scores = summarise(table(counts)).set_index("metric")["images"]
    assert (scores["recall"], scores["precision"], scores["pooled_dice"]) == (28, 29, 29)


def test_the_interval_agrees_with_scipy_if_every_image_is_its_own_group() -> None:
    images = table(drawn(60, 1)[2:])
    scores = summarise(images).set_index("metric").loc["dice"]
    values = images["dice"].to_numpy()
    other = stats.bootstrap((values,), np.mean, n_resamples=2000, method="BCa", rng=1).confidence_interval
    width = other.high - other.low
    assert abs(scores["low"] - other.low) < 0.15 * width and abs(scores["high"] - other.high) < 0.15 * width


def test_groups_are_left_out_as_a_whole() -> None:
    one = drawn(10, 1)[2:]
    copies = np.repeat(one, 5, axis=0)  # five identical images per patient: no more information than one
    alone = summarise(table(one, [f"g{n}" for n in range(8)]))
    grouped = summarise(table(copies, [f"g{n // 5}" for n in range(40)]))
    apart = summarise(table(copies))
    columns = ["mean", "low", "high"]
    assert np.allclose(alone[columns], grouped[columns], equal_nan=True)
    assert ((apart["high"] - apart["low"]) < 0.7 * (grouped["high"] - grouped["low"]))[apart["metric"] == "dice"].all()


def test_the_interval_is_reproducible_and_contains_the_mean() -> None:
    images = table(drawn())
    first = summarise(images)
    pd.testing.assert_frame_equal(first, summarise(images))
    known = first.dropna(subset=["low"])
    assert len(known) > len(first) / 2
    assert ((known["low"] <= known["mean"]) & (known["mean"] <= known["high"])).all()
    assert ((known[["low", "high"]] >= 0) & (known[["low", "high"]] <= 1)).all(axis=None)


def test_scores_that_do_not_vary_have_no_interval() -> None:
    counts = np.broadcast_to([9, 0, 0, 1], (5, 1, 4))
    scores = summarise(table(counts))
    assert (scores.loc[scores["metric"] != "failure_rate", "mean"] == 1).all()
    assert scores[["low", "high"]].isna().all(axis=None)
    assert summarise(table(drawn(), ["g"] * 30))[["low", "high"]].isna().all(axis=None)


def test_sizes_are_summarised_separately_and_hd95_only_if_computed() -> None:
    store, original = table(drawn()), table(drawn()[:, :, [1, 0, 2, 3]], size="original").assign(hd95=2.0)
    scores = summarise(pd.concat([store, original]))
    assert set(scores.loc[scores["size"] == "store", "metric"]) == {
        *METRICS[:-1],
        "failure_rate",
        "pooled_dice",
        "pooled_iou",
        "task2_jaccard",
    }
    distance = scores[scores["metric"] == "hd95"]
    assert distance["mask"].tolist() == ["a", "b", "mean"] and (distance["mean"] == 2).all()
    alone = summarise(original).reset_index(drop=True)
    pd.testing.assert_frame_equal(scores[scores["size"] == "original"].reset_index(drop=True), alone)


def test_images_of_which_only_one_side_is_empty_are_counted_with_their_distances() -> None:
    counts = np.array([[[0, 0, 5, 5], [0, 3, 0, 7]], [[0, 0, 0, 10], [0, 0, 2, 8]], [[4, 1, 1, 4], [0, 0, 0, 0]]])
    distances = np.array([[14.0, 14.0], [0.0, 14.0], [1.0, np.nan]])
    assert "one_side_empty" not in set(summarise(table(counts))["metric"])
    scores = summarise(table(counts).assign(hd95=distances.ravel())).set_index(["metric", "mask"])
    numbers = scores.loc["one_side_empty"]
    assert numbers["mean"].to_dict() == {"a": 1, "b": 2, "mean": 3}  # the last one is their sum
    assert numbers["images"].tolist() == scores.loc["hd95", "images"].tolist() == [3, 2, 3]
    assert (numbers["low"] < numbers["mean"]).all() and (numbers["mean"] < numbers["high"]).all()
    assert scores["mean"]["hd95", "a"] == 5
