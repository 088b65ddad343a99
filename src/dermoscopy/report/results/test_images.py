"""What single test images say beyond the means: how sure a difference is, and what a blind predictor gets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.metrics.statistics import Tested, bootstrap, percentiles, same_images
from dermoscopy.metrics.weighted_classification import SCORES
from dermoscopy.report.results import mask_scores as segmented
from dermoscopy.report.results.arms import OWN
from dermoscopy.report.results.constant_masks import constant_masks
from dermoscopy.report.results.label_predictions import COLUMNS, Predictions, trivial_predictors
from dermoscopy.runs.tables import Sweep, exclusive_labels, own_availability, predictions, segments

NO_INTERVAL = "No interval over test images"


@dataclass(frozen=True)
class Evidence:
    """Test images of the done jobs.

    Attributes:
        tables: what each job says of them, by arm and repeat.
        scores: names of the scores that can be resampled.
        lacking: why there are no tables.
        trivial: scores of predictors that never look at an image, None where they cannot be computed.
        trivial_lacking: why not.
    """

    tables: Mapping[tuple[str, str], Tested]
    scores: tuple[str, ...]
    lacking: str
    trivial: pd.DataFrame | None
    trivial_lacking: str = ""


def gather(sweep: Sweep, place: str) -> Evidence:
    """Read what the done jobs of a sweep say of their test images.

    Args:
        place: of the metric, `test/<place>/<metric>`: a mask availability; of segmenters views and size.
    """
    if segments(sweep.jobs):
        images, lacking = segmented.scored_images(sweep, place)
        return Evidence(images, segmented.SCORES, lacking or "no job left predictions.csv", *constant_masks(sweep))
    labels = _labels(sweep, place)
    parts = [trivial_predictors(table.truth) for table in labels.values()]
    # the mean over jobs where these were tested on different images
    trivial = pd.concat(parts).groupby(level=0, sort=False).mean() if parts else None
    return Evidence(labels, SCORES, "no job left predictions.csv with labels", trivial)


def _labels(sweep: Sweep, availability: str) -> dict[tuple[str, str], Predictions]:
    """Predictions of the done jobs by arm and repeat, of those that left any with labels and this availability."""
    tables = {}
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    for job, arm, repeat in zip(done["job"], done["arm"], done["repeat"], strict=True):
        table = predictions(sweep, job)
        place = own_availability(sweep, job) if availability == OWN else availability
        if table is not None and set(table.columns) >= COLUMNS and place in set(table["availability"]):
            tables[arm, repeat] = Predictions.from_table(table, place, exclusive_labels(sweep, job))
    return tables


def over_images(evidence: Evidence, reference: str, score: str) -> tuple[dict[str, tuple[float, float]], str]:
    """95 % bootstrap interval of each arm's mean difference to the reference over the repeats of both, or why none."""
    tables = evidence.tables
    if score not in evidence.scores:
        return {}, f"{NO_INTERVAL}: the bootstrap knows {', '.join(evidence.scores)}, not {score}."
    if not tables:
        return {}, f"{NO_INTERVAL}: {evidence.lacking}."
    samples = dict(zip(tables, bootstrap(list(tables.values()), score).T, strict=True))
    intervals, unpaired = {}, []
    for arm in dict.fromkeys(arm for arm, _ in tables if arm != reference):
        shared = [repeat for other, repeat in tables if other == arm and (reference, repeat) in tables]
        if not all(same_images(tables[arm, repeat], tables[reference, repeat]) for repeat in shared):
            unpaired.append(arm)
        elif shared:
            differences = [samples[arm, repeat] - samples[reference, repeat] for repeat in shared]
            intervals[arm] = percentiles(np.mean(differences, axis=0))
    return intervals, f"{NO_INTERVAL} of {', '.join(unpaired)}: tested on others than {reference}." if unpaired else ""


def test_per_train(sweep: Sweep, tables: Mapping[tuple[str, str], Tested]) -> float:
    """Mean over the done jobs of test images per training image; 0 where all were tested on the same images."""
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    folds = done["fold"].notna().any()
    if not folds and len({frozenset(table.id) for table in tables.values()}) < 2:
        return 0.0
    sizes = [sweep.records[number]["data"] for number in done["job"]]
    return float(np.mean([data["test"] / data["train"] for data in sizes]))
