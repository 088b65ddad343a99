"""Scores of single test images: intervals of differences over test images, and scores of trivial predictors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.metrics.statistics import Tested, bootstrap, percentiles, same_images
from dermoscopy.report.results import mask_scores
from dermoscopy.report.results.arms import VALIDATION_MASKS, is_segmentation
from dermoscopy.report.results.constant_masks import constant_masks
from dermoscopy.report.results.label_predictions import COLUMNS, Predictions, trivial_predictors
from dermoscopy.runs.tables import SweepResults

NO_INTERVAL = "No interval over test images"


@dataclass(frozen=True)
class TestImages:
    """Predictions of the done jobs on their test images.

    Attributes:
        tables: predictions or scores of each job, by arm and repeat.
        scores: names of the scores that can be resampled.
        lacking: why there are no tables.
        trivial: scores of predictors that ignore the image, None if they cannot be computed.
        trivial_lacking: why not.
    """

    tables: Mapping[tuple[str, str], Tested]
    scores: tuple[str, ...]
    lacking: str
    trivial: pd.DataFrame | None
    trivial_lacking: str = ""


def gather(sweep: SweepResults, place: str) -> TestImages:
    """Read the predictions of the done jobs of a sweep on their test images.

    Args:
        sweep: to read the predictions of.
        place: of the metric, `test/<place>/<metric>`: a mask condition; for segmenters TTA and size.
    """
    if is_segmentation(sweep.table):
        images, lacking = mask_scores.scored_images(sweep, place)
        constant, constant_lacking = constant_masks(sweep)
        lacking = lacking or "no job has predictions.csv"
        return TestImages(images, mask_scores.SCORES, lacking, constant, constant_lacking)
    labels = _labels(sweep, place)
    parts = [trivial_predictors(table.truth, table.exclusive) for table in labels.values()]
    scores = dict.fromkeys(name for table in labels.values() for name in table.scores)
    # the mean over jobs, which may have been tested on different images
    trivial = pd.concat(parts).groupby(level=0, sort=False).mean() if parts else None
    return TestImages(labels, tuple(scores), "no job has predictions.csv with labels", trivial)


def _labels(sweep: SweepResults, condition: str) -> dict[tuple[str, str], Predictions]:
    """Return by arm and repeat the predictions of the done jobs that were tested in this mask condition."""
    tables = {}
    for job in sweep.done:
        table, configuration = job.last.predictions, job.last.configuration
        place = configuration.validation_masks if condition == VALIDATION_MASKS else condition
        if table is not None and set(table.columns) >= COLUMNS and place in set(table["mask_condition"]):
            tables[job.arm, str(job.repeat)] = Predictions.from_table(
                table, place, configuration.threshold_rule, configuration.exclusive_labels
            )
    return tables


def over_images(images: TestImages, reference: str, score: str) -> tuple[dict[str, tuple[float, float]], str]:
    """Compute bootstrap intervals over test images of each arm's mean difference to the reference.

    Returns:
        The 95 % intervals by arm, of the mean over the repeats that both arms have, and why some or all are missing.
    """
    tables = images.tables
    if score not in images.scores:
        return {}, f"{NO_INTERVAL}: the bootstrap is defined for {', '.join(images.scores)}, not {score}."
    if not tables:
        return {}, f"{NO_INTERVAL}: {images.lacking}."
    samples = dict(zip(tables, bootstrap(list(tables.values()), score).T, strict=True))
    intervals, unpaired = {}, []
    for arm in dict.fromkeys(arm for arm, _ in tables if arm != reference):
        shared = [repeat for other, repeat in tables if other == arm and (reference, repeat) in tables]
        if not all(same_images(tables[arm, repeat], tables[reference, repeat]) for repeat in shared):
            unpaired.append(arm)
        elif shared:
            differences = [samples[arm, repeat] - samples[reference, repeat] for repeat in shared]
            intervals[arm] = percentiles(np.mean(differences, axis=0))
    return (
        intervals,
        f"{NO_INTERVAL} of {', '.join(unpaired)}: tested on other images than {reference}." if unpaired else "",
    )


def test_per_train(sweep: SweepResults, tables: Mapping[tuple[str, str], Tested]) -> float:
    """Return test images per training image, the mean over the done jobs; 0 if all were tested on the same images."""
    folds = any(job.record["fold"] is not None for job in sweep.done)
    if not folds and len({frozenset(table.id) for table in tables.values()}) < 2:
        return 0.0
    sizes = [job.record["data"] for job in sweep.done]
    return float(np.mean([data["test"] / data["train"] for data in sizes]))
