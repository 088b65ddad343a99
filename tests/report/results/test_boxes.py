"""The box plot shows each arm's test images once, in the order of their medians."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.figures.boxes import draw_boxes
from dermoscopy.report.results.boxes import box_table, per_image
from dermoscopy.runs.tables import load_sweep

Sweeper = Callable[..., Path]
AXES = {"network": ["small", "large"], "seed": ["0", "1"]}


def table(**arms: dict[str, list[float]]) -> pd.DataFrame:
    """Scores by arm and image, one a seed."""
    rows = [
        (arm, image, seed, value)
        for arm, images in arms.items()
        for image, values in images.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["arm", "id", "seed", "value"])


def test_an_image_counts_once_with_its_mean_over_seeds() -> None:
    images = table(only={"a": [0.0, 1.0], "b": [0.6, 0.8], "c": [0.9, 0.9]})
    row = box_table(images).loc["only"]
    assert dict(row) == pytest.approx(
        {"images": 3, "seeds": 2, "median": 0.7, "lower": 0.6, "upper": 0.8, "mean": 2.1 / 3}
    )


def test_the_figure_draws_the_numbers_of_the_table_best_median_first() -> None:
    rng = np.random.default_rng(0)
    scores = {f"arm {k}": {f"{n}": [*rng.beta(5, 2, 2)] for n in range(20 + k)} for k in range(4)}
    images = table(**scores).sample(frac=1, random_state=0)
    images.loc[images["id"] == "3", "value"] = np.nan
    expected = box_table(images)
    assert list(expected["median"]) == sorted(expected["median"], reverse=True)
    assert dict(expected["images"].items()) == {f"arm {k}": 19 + k for k in range(4)}
    (axes,) = draw_boxes(images, "IoU").axes
    for place, (box, row) in enumerate(zip(axes.patches, expected.itertuples(), strict=True)):
        x, y = box.get_path().vertices.T
        assert (x.min(), x.max()) == pytest.approx((row.lower, row.upper))
        assert y.min() < place < y.max()
        on_it = [
            line for line in axes.lines if len(line.get_ydata()) and np.mean(line.get_ydata()) == pytest.approx(place)
        ]
        drawn = [float(line.get_xdata()[0]) for line in on_it if len(set(line.get_xdata())) == 1]
        assert any(value == pytest.approx(row.median) for value in drawn)
        assert any(value == pytest.approx(row.mean) for value in drawn)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"{arm}\n{n} images, 2 seeds" for arm, n in expected["images"].items()]
    bottom, top = axes.get_ylim()
    assert top < 0 < bottom


def test_labels_keep_apart_and_whole_however_long_the_arms() -> None:
    arms = {f"network.encoder_name=tu-convnext_{k}.fb_in22k, loss=dice, model.freeze=[encoder]": 0 for k in range(6)}
    figure = draw_boxes(table(**{arm: {"a": [0.2], "b": [0.9]} for arm in arms}), "IoU")
    figure.draw_without_rendering()
    boxes = sorted((label.get_window_extent() for label in figure.axes[0].get_yticklabels()), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))
    assert all(box.x0 >= 0 for box in boxes)


def test_an_arm_without_values_keeps_its_row_and_none_at_all_is_an_error() -> None:
    images = table(full={"a": [0.5]}, empty={"a": [np.nan]})
    labels = [label.get_text() for label in draw_boxes(images, "IoU").axes[0].get_yticklabels()]
    assert labels == ["full\n1 images", "empty\n0 images"]
    with pytest.raises(ValueError, match="no image has a value of IoU"):
        draw_boxes(images[images["arm"] == "empty"], "IoU")


def segmented(make_sweep: Sweeper) -> Path:
    """A sweep of two arms and two seeds, of which the last job failed, with two masks at two sizes."""
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


def test_scores_are_read_from_the_last_stage_of_jobs_that_are_done_at_the_store_s_size(make_sweep: Sweeper) -> None:
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


def test_what_was_not_segmented_is_named(make_sweep: Sweeper) -> None:
    sweep = load_sweep(segmented(make_sweep))
    with pytest.raises(ValueError, match="no metric 'iuo'; did you mean iou"):
        per_image(sweep, "iuo")
    with pytest.raises(ValueError, match="segmented no mask 'globules'; there are: lesion, streaks"):
        per_image(sweep, "iou", "globules")


def test_a_sweep_of_classifiers_gives_an_empty_table(make_runs: Sweeper) -> None:
    images = per_image(load_sweep(make_runs()), "iou")
    assert images.empty
    assert list(images.columns) == ["arm", "id", "seed", "value"]
