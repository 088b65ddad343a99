"""Scores of the test images of a segmentation sweep, which can be weighted, and the TTA and size they belong to."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.segmentation import (
    Areas,
    failures,
    image_scores,
    iou_of,
    pooled_dice,
    task2_jaccard,
    weighted_mean,
)
from dermoscopy.metrics.statistics import Floats, image_groups, mean_defined
from dermoscopy.runs.tables import SweepResults

METRICS = ("dice", "iou", "thresholded_jaccard", "precision", "recall", "hd95")  # per image, in predictions.csv
POOLED = ("failure_rate", "pooled_dice", "pooled_iou", "task2_jaccard")
SCORES = (*METRICS, *POOLED)
TRIVIAL_MASK_SCORES = ("dice", "iou", "thresholded_jaccard", *POOLED)
SIZES = ("store", "original")


def tta_and_size(place: str) -> tuple[str, str]:
    """Return TTA and size of `test/<place>/<metric>`: `none_original` is none, original and `flips` is flips, store."""
    tta = place.removesuffix("_original")
    return tta, "store" if tta == place else "original"


@dataclass(frozen=True)
class MaskScores:
    """Scores of one job's test images at one size, images in order of their id.

    Attributes:
        id: (N,) image names.
        group: (N,) patient or lesion of each image; what is left out together.
        metrics: each (N, K), NaN undefined.
        areas: (N, K) each.
    """

    id: NDArray[np.object_]
    group: NDArray[np.object_]
    metrics: dict[str, Floats]
    areas: Areas

    @classmethod
    def from_table(cls, table: pd.DataFrame, size: str) -> "MaskScores":
        """Read the rows of one size from a predictions.csv; those of earlier versions lack the column pixels."""
        rows = table[table["size"] == size]
        rows = rows if "pixels" in rows else rows.assign(pixels=np.nan)
        wide = rows.pivot(index="id", columns="mask", values=[*METRICS, *Areas._fields])  # noqa: PD010
        group = image_groups(rows, wide.index)
        metrics = {name: wide[name].to_numpy(float) for name in METRICS}
        areas = Areas(*(wide[name].to_numpy(float) for name in Areas._fields))
        return cls(wide.index.to_numpy(object), group, metrics, areas)

    @classmethod
    def from_counts(
        cls, id: NDArray[np.object_], group: NDArray[np.object_], counts: NDArray[np.int64]
    ) -> "MaskScores":
        """Return the scores of pixel counts (N, K, 4), see `segmentation.confusion`."""
        tp, fp, fn, _ = np.moveaxis(counts.astype(float), -1, 0)
        return cls(id, group, image_scores(counts), Areas(tp + fn, tp + fp, counts.sum(-1).astype(float)))

    def score(self, name: str, weight: Floats) -> Floats:
        """Compute one of `SCORES`, over masks, for R weightings of the images: (R, N) -> (R,)."""
        if name == "task2_jaccard":
            unknown = np.isnan(self.areas.pixels).all()
            jaccard = task2_jaccard(self.metrics["dice"], self.areas, weight)[:, -1]
            return np.full(len(weight), np.nan) if unknown else jaccard
        if name.startswith("pooled_"):
            dice = pooled_dice(self.metrics["dice"], self.areas, weight)
            return mean_defined(dice if name == "pooled_dice" else iou_of(dice))
        values = failures(self.metrics["iou"]) if name == "failure_rate" else self.metrics[name]
        return mean_defined(weighted_mean(values, weight))


def kept_tta(sweep: SweepResults) -> str:
    """Return the TTA with which the done jobs keep scores of single images, as text; usually the same for all jobs."""
    return ", ".join(dict.fromkeys(job.last.configuration.kept_tta for job in sweep.done))


def scored_images(sweep: SweepResults, place: str) -> tuple[dict[tuple[str, str], MaskScores], str]:
    """Return the scores of the test images of the done jobs by arm and repeat, and why there are none.

    Args:
        sweep: to read the predictions of.
        place: of the metric, `test/<place>/<metric>`.
    """
    tta, size = tta_and_size(place)
    tables, others = {}, set()
    for job in sweep.done:
        table = job.last.predictions
        if table is None or not {"mask", "size"} <= {*table.columns} or size not in set(table["size"]):
            continue
        kept = job.last.configuration.kept_tta
        if kept == tta:
            tables[job.arm, str(job.repeat)] = MaskScores.from_table(table, size)
        else:
            others.add(kept)
    if others:
        return {}, f"jobs keep the scores of single images with TTA {', '.join(sorted(others))}, not {tta}"
    return tables, ""
