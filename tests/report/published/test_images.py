"""Predictions are the same when they are read from one small file: ids, labels, masks and arms of any characters."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dermoscopy.report.published.images import Images, NotCompact, pack_images

ODD = ["NA", "007", 'a,b"c', "<img>", "", "é|😀"]


@dataclass(frozen=True)
class Job:
    """A job as `pack_images` sees it."""

    number: int
    arm: str
    record: dict[str, Any]
    last: SimpleNamespace


def job(number: int, arm: str, seed: int, table: pd.DataFrame | None, fold: int | None = None) -> Any:
    return Job(number, arm, {"seed": seed, "fold": fold}, SimpleNamespace(predictions=table))


def labels(seed: int, threshold: float = 0.25) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (id, "g", condition, label) for id in ODD[:4] for condition in ("none", "given") for label in ("x", "of <b>")
    ]
    table = pd.DataFrame(rows, columns=["id", "group", "mask_condition", "label"])
    truth = [1.0, 0.0, np.nan, 1.0] * 4
    return table.assign(truth=truth, logit=rng.normal(size=len(rows)) * 30, threshold=threshold)


def sorted_by(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    return table.sort_values([*names]).reset_index(drop=True)


def test_labels_are_the_same_again_to_five_digits() -> None:
    jobs = [job(0, "a, 'b' of c", 0, labels(0)), job(1, "a, 'b' of c", 1, labels(1)), job(2, "<i>", 0, labels(2))]
    jobs.append(job(3, "seed", 1, None))
    images = Images(pack_images(jobs, ["none", "given"], {}))
    for one in jobs[:3]:
        again = images.predictions((one.arm, one.record["seed"], None), {"x": 0.25, "of <b>": 0.25})
        assert again is not None
        names = ["id", "mask_condition", "label"]
        first = sorted_by(one.last.predictions, *names)[list(again.columns)]
        pd.testing.assert_frame_equal(sorted_by(again, *names), first, rtol=6e-5, check_dtype=False)
    assert images.predictions(("seed", 1, None), {}) is None
    assert images.predictions(("<i>", 1, None), {}) is None
    only = Images(pack_images(jobs, ["none"], {})).predictions(("<i>", 0, None), {})
    assert only is not None and set(only["mask_condition"]) == {"none"}


def test_a_threshold_that_depends_on_the_condition_is_not_compact() -> None:
    table = labels(0)
    table.loc[table["mask_condition"] == "given", "threshold"] = 0.5
    with pytest.raises(NotCompact, match="job 7 "):
        pack_images([job(7, "a", 0, table)], ["none"], {})


def test_scores_of_masks_are_exactly_the_same_again(make_images: Any) -> None:
    rng = np.random.default_rng(0)
    jobs = [job(k, f"arm {k % 2}", 0, make_images(["NA", "x", "007"], 0.1, rng), k // 2) for k in range(4)]
    empty = jobs[0].last.predictions["id"] == "x"
    jobs[0].last.predictions.loc[empty, ["truth", "predicted"]] = 0
    jobs[0].last.predictions.loc[empty, ["dice", "iou", "thresholded_jaccard", "precision", "recall"]] = 1.0
    unknown = jobs[2].last.predictions["id"] == "NA"
    jobs[2].last.predictions.loc[unknown, ["truth", "predicted", "pixels"]] = 0
    jobs[2].last.predictions.loc[unknown, ["dice", "iou", "thresholded_jaccard", "precision", "recall"]] = np.nan
    images = Images(pack_images(jobs, ["store", "original"], {}))
    for one in jobs:
        again = images.predictions((one.arm, 0, one.record["fold"]), {})
        assert again is not None
        first = sorted_by(one.last.predictions, "id", "mask", "size")
        again = sorted_by(again, "id", "mask", "size")[list(first.columns)]
        of_store = first["size"] == "store"  # at the other size the made-up Dice belongs to fewer pixels
        pd.testing.assert_frame_equal(again[of_store], first[of_store], check_dtype=False)


def test_there_is_no_file_without_predictions() -> None:
    assert pack_images([job(0, "a", 0, None)], ["none"], {}) == ""
    assert Images("").predictions(("a", 0, None), {}) is None
