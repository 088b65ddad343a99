"""Scores of constant masks, the same for every image: computed by hand, and compared with the metrics."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shown_sections import page_text
from written import write_report

from dermoscopy.data.store.reader import open_store
from dermoscopy.metrics.segmentation import image_scores, mask_scores
from dermoscopy.report.results.constant_masks import CONSTANTS, count_constant_masks
from dermoscopy.report.results.mask_scores import TRIVIAL_MASK_SCORES, MaskScores
from dermoscopy.report.results.test_images import trivial_scores
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
SEEDS = {"network": ["small", "large"], "seed": ["0", "1"]}


def scores_of(truth: np.ndarray, train: np.ndarray, test: np.ndarray) -> pd.DataFrame:
    """Return the scores of the constant masks, masks x scores."""
    counts, ids = count_constant_masks(truth, train, test), np.arange(len(test)).astype(object)
    masks = {name: MaskScores.from_counts(ids, ids, counts[:, [k]]) for k, name in enumerate(CONSTANTS)}
    return trivial_scores(masks, TRIVIAL_MASK_SCORES)


def test_constant_masks_by_hand() -> None:
    train = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 255]]  # at least one half of those known: the first two pixels
    test = [[1, 1, 1, 0], [0, 0, 0, 0], [255, 1, 0, 0], [255] * 4]
    truth = np.array(train + test, np.uint8).reshape(-1, 2, 2)
    scores = scores_of(truth, np.arange(3), np.arange(3, 7))
    assert scores["dice"].tolist() == pytest.approx([1 / 3, (6 / 7 + 0 + 1 / 2) / 3, (4 / 5 + 0 + 1) / 3])
    assert scores["iou"].tolist() == pytest.approx([1 / 3, (3 / 4 + 0 + 1 / 3) / 3, (2 / 3 + 0 + 1) / 3])
    assert scores["failure_rate"].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert scores["thresholded_jaccard"].tolist() == pytest.approx([1 / 3, (3 / 4) / 3, (2 / 3 + 1) / 3])
    assert scores["pooled_iou"].tolist() == pytest.approx([0, 4 / 11, 3 / 6])  # known are 4, 4 and 3 pixels
    task2 = (3 / 4 + 1 / 3) / (4 / 4 + 4 / 4 + 3 / 3), (2 / 4 + 1 / 3) / (3 / 4 + 2 / 4 + 1 / 3)
    assert scores["task2_jaccard"].tolist() == pytest.approx([0, *task2])


def test_constant_masks_agree_with_the_metrics_and_the_mean_mask_is_best_on_its_training_images(
    demo_store: Path,
) -> None:
    store, rows = open_store(demo_store), np.arange(120)
    truth = store.mask()[..., store.mask_names.index("lesion")]
    scores = scores_of(truth, rows, rows)
    present, known = truth == 1, truth != 255
    counts = np.stack([present.sum((1, 2)), (known & ~present).sum((1, 2)), *np.zeros((2, 120), int)], axis=-1)
    assert scores.loc["everything", "pooled_dice"] == pytest.approx(
        mask_scores(counts[:, None], ["lesion"])["pooled_dice"]
    )
    for name, values in image_scores(counts[:, None]).items():
        if name in scores:
            assert scores.loc["everything", name] == pytest.approx(np.nanmean(values))
    assert scores.loc["mean training mask", "dice"] > scores.loc["everything", "dice"] > scores.loc["nothing", "dice"]


def report(sweep: Path, tmp_path: Path, metric: str | None = None) -> tuple[str, list[str]]:
    files = write_report(load_sweep(sweep), tmp_path / "experiments", metric=metric)
    return page_text(load_sweep(sweep), metric), [file.name for file in files]


def test_without_the_store_the_page_says_why_constant_masks_are_missing(
    make_segmented: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_segmented(SEEDS, ["done"] * 4)
    for file in tmp_path.glob("runs/encoders/*/config.yaml"):
        file.write_text(file.read_text().replace("demo-32x32.h5", "gone.h5"))
    page, _ = report(sweep, tmp_path)
    assert "Not compared with constant masks, the same for every image: no store " in page
