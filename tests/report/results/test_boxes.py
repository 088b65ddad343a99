"""The numbers of a box plot count each test image of an arm once; arms are in the order of their medians."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.results.boxes import box_table, per_image, per_image_loss
from dermoscopy.runs.tables import load_sweep

Scores = Callable[..., pd.DataFrame]

Sweeper = Callable[..., Path]
AXES = {"network": ["small", "large"], "seed": ["0", "1"]}


def test_an_image_counts_once_with_its_mean_over_seeds(make_scores: Scores) -> None:
    images = make_scores(only={"a": [0.0, 1.0], "b": [0.6, 0.8], "c": [0.9, 0.9]})
    row = box_table(images).loc["only"]
    assert dict(row) == pytest.approx(
        {"images": 3, "seeds": 2, "median": 0.7, "lower": 0.6, "upper": 0.8, "mean": 2.1 / 3}
    )


def segmented(make_sweep: Sweeper) -> Path:
    """Write a sweep of two arms and two seeds, with two masks at two sizes; the last job failed."""
    sweep = make_sweep(AXES, ["done", "reused", "done", "failed"])
    for job in range(4):
        record = json.loads((sweep / str(job) / "job.json").read_text())
        folder = sweep.parents[2].joinpath(*Path(record["stages"][-1]["folder"]).parts[-2:])
        rows = [
            (f"00{image}", mask, size, (job + image) / 10 + (mask == "streaks") / 10 + (size == "original") * 100)
            for image in range(3)
            for mask in ("lesion", "streaks")
            for size in ("original", "store")
        ]
        predictions = pd.DataFrame(rows, columns=["id", "mask", "size", "iou"]).assign(group="g")
        predictions.to_csv(folder / "predictions.csv", index=False)
    return sweep


def test_scores_at_the_stores_size_are_read_from_the_last_stage_of_jobs_that_are_done(make_sweep: Sweeper) -> None:
    images = per_image(load_sweep(segmented(make_sweep)), "iou", "lesion")
    assert list(images.columns) == ["arm", "id", "seed", "value"]
    assert [*images.itertuples(index=False, name=None)] == [
        (arm, f"00{image}", seed, pytest.approx((job + image) / 10))
        for job, (arm, seed) in enumerate([("network=small", 0), ("network=small", 1), ("network=large", 0)])
        for image in range(3)
    ]
    assert list(box_table(images)["seeds"]) == [1, 2]


def test_several_masks_are_averaged_within_an_image(make_sweep: Sweeper) -> None:
    sweep = load_sweep(segmented(make_sweep))
    both, lesion = per_image(sweep, "iou"), per_image(sweep, "iou", "lesion")
    np.testing.assert_allclose(both["value"], lesion["value"] + 0.05)


def test_an_unknown_metric_or_mask_is_named(make_sweep: Sweeper) -> None:
    sweep = load_sweep(segmented(make_sweep))
    with pytest.raises(ValueError, match="no metric 'iuo'; did you mean iou"):
        per_image(sweep, "iuo")
    with pytest.raises(ValueError, match="predicted no mask 'globules'; there are: lesion, streaks"):
        per_image(sweep, "iou", "globules")


def test_a_sweep_of_classifiers_gives_an_empty_table(make_runs: Sweeper) -> None:
    images = per_image(load_sweep(make_runs()), "iou")
    assert images.empty
    assert list(images.columns) == ["arm", "id", "seed", "value"]


def test_the_loss_of_an_image_is_the_mean_cross_entropy_of_its_known_labels(make_runs: Callable[..., Path]) -> None:
    folder = make_runs(seeds=1)
    table = pd.DataFrame(
        [("a", "none", "x", 1.0, 2.0), ("a", "none", "y", 0.0, -1.0), ("b", "none", "x", 0.0, 0.0),
         ("b", "none", "y", None, 9.0), ("a", "given", "x", 1.0, 50.0)],
        columns=["id", "mask_condition", "label", "truth", "logit"],
    )  # fmt: skip
    table.assign(group="g", threshold=0.0).to_csv(folder.parents[1] / "everything0" / "predictions.csv", index=False)
    sweep = load_sweep(folder)
    for condition in ("none", "validation_masks"):
        own = per_image_loss(sweep, condition)
        own = own[own["arm"] == "zeroing=everything"].set_index("id")["value"]
        assert own["a"] == pytest.approx((math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 2, abs=1e-12)
        assert own["b"] == pytest.approx(math.log(2), abs=1e-12)
    assert per_image_loss(sweep, "predicted").empty
