"""Scores of single test images: how differences depend on them, and trivial predictors on the same images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from dermoscopy.metrics.intervals import block_weights
from dermoscopy.metrics.statistics import Floats, Tested, same_images
from dermoscopy.report.results import mask_scores
from dermoscopy.report.results.arms import VALIDATION_MASKS, is_segmentation
from dermoscopy.report.results.constant_masks import constant_masks
from dermoscopy.report.results.label_predictions import COLUMNS, Predictions, trivial_predictors
from dermoscopy.runs.tables import SweepResults

NO_INTERVAL = "No interval over test images"
Job = tuple[str, str]  # arm and repeat


@dataclass(frozen=True)
class TestImages:
    """Predictions of the done jobs on their test images.

    Attributes:
        tables: predictions or scores of each job.
        scores: names of the scores that single images allow.
        lacking: why there are no tables.
        trivial: predictors that ignore the image, by name, on the test images of each job; empty if they cannot be
            computed.
        trivial_lacking: why not.
    """

    tables: Mapping[Job, Tested]
    scores: tuple[str, ...]
    lacking: str
    trivial: Mapping[Job, Mapping[str, Tested]]
    trivial_lacking: str = ""


class OverImages(NamedTuple):
    """A mean difference, with all test images and without one block of them at a time, see `intervals.jackknife`.

    Attributes:
        estimate: with all images.
        left_out: (B,) without each block.
    """

    estimate: float
    left_out: Floats


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
    scores = dict.fromkeys(name for table in labels.values() for name in table.scores)
    trivial = {job: trivial_predictors(table) for job, table in labels.items()}
    return TestImages(labels, tuple(scores), "no job has predictions.csv with labels", trivial)


def _labels(sweep: SweepResults, condition: str) -> dict[Job, Predictions]:
    """Return the predictions of the done jobs that were tested in this mask condition."""
    tables = {}
    for job in sweep.done:
        table, configuration = job.last.predictions, job.last.configuration
        place = configuration.validation_masks if condition == VALIDATION_MASKS else condition
        if table is not None and set(table.columns) >= COLUMNS and place in set(table["mask_condition"]):
            tables[job.arm, str(job.repeat)] = Predictions.from_table(
                table, place, configuration.threshold_rule, configuration.exclusive_labels
            )
    return tables


def over_images(images: TestImages, reference: str, score: str) -> tuple[dict[str, OverImages], str]:
    """Return each arm's mean difference to the reference, and how it depends on the test images.

    Returns:
        By arm, the mean over the repeats that both arms have, and why some or all are missing.
    """
    tables = images.tables
    if not tables:
        return {}, f"{NO_INTERVAL}: {images.lacking}."
    if score not in images.scores:
        return {}, f"{NO_INTERVAL}: there are some for {', '.join(images.scores)}, not for {score}."
    values = _values({job: (table, score) for job, table in tables.items()})
    differences, unpaired = {}, []
    for arm in dict.fromkeys(arm for arm, _ in tables if arm != reference):
        shared = [repeat for other, repeat in tables if other == arm and (reference, repeat) in tables]
        if not all(same_images(tables[arm, repeat], tables[reference, repeat]) for repeat in shared):
            unpaired.append(arm)
        elif shared:
            differences[arm] = _mean((values[arm, repeat], values[reference, repeat]) for repeat in shared)
    other = f"{NO_INTERVAL} of {', '.join(unpaired)}: tested on other images than {reference}." if unpaired else ""
    return differences, other


def over_trivial(images: TestImages, predictor: str, score: str, trivial_score: str) -> dict[str, OverImages]:
    """Return each arm's mean difference to a trivial predictor on the same images, and how it depends on them.

    Args:
        images: with trivial predictors.
        predictor: name of the trivial predictor.
        score: of the arms.
        trivial_score: of the trivial predictor.
    """
    if score not in images.scores or not images.tables:
        return {}
    arms = [(job, table, score) for job, table in images.tables.items()]
    trivial = [((*job, predictor), images.trivial[job][predictor], trivial_score) for job in images.tables]
    values = _values({key: (table, name) for key, table, name in [*arms, *trivial]})
    names = dict.fromkeys(arm for arm, _ in images.tables)
    return {
        arm: _mean((values[job], values[*job, predictor]) for job in images.tables if job[0] == arm) for arm in names
    }


def _values(tables: Mapping[tuple[str, ...], tuple[Tested, str]]) -> dict[tuple[str, ...], OverImages]:
    """Return a score of each table, with all images and without the same blocks of them."""
    weights = block_weights([table.group for table, _ in tables.values()])
    return {
        key: OverImages(score_once(table, name), table.score(name, weight))
        for (key, (table, name)), weight in zip(tables.items(), weights, strict=True)
    }


def score_once(table: Tested, name: str) -> float:
    """Return a score in which every image counts once."""
    return float(table.score(name, np.ones((1, len(table.id))))[0])


def _mean(pairs: Iterable[tuple[OverImages, OverImages]]) -> OverImages:
    """Return the mean over repeats of the difference of two predictors."""
    differences = [(one.estimate - other.estimate, one.left_out - other.left_out) for one, other in pairs]
    estimates, left_out = zip(*differences, strict=True)
    return OverImages(float(np.mean(estimates)), np.mean(left_out, axis=0))


def trivial_table(images: TestImages, scores: Iterable[str]) -> pd.DataFrame | None:
    """Return the scores of the trivial predictors, the mean over jobs, which may have been tested on different images.

    Returns:
        Predictors x scores, NaN where a score is not defined for a predictor; None without trivial predictors.
    """
    if not images.trivial:
        return None
    parts = [trivial_scores(predictors, scores) for predictors in images.trivial.values()]
    return pd.concat(parts).groupby(level=0, sort=False).mean()


def trivial_scores(predictors: Mapping[str, Tested], scores: Iterable[str]) -> pd.DataFrame:
    """Return the scores of trivial predictors on the test images of one job, predictors x scores."""
    rows = {name: {score: score_once(tested, score) for score in scores} for name, tested in predictors.items()}
    return pd.DataFrame.from_dict(rows, orient="index")
