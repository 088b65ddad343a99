"""The test images of a segmentation sweep: how they were shown, and their scores, ready to be resampled."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.statistics import Floats, mean_defined, ratio
from dermoscopy.runs.tables import Sweep, kept_views, predictions

METRICS = ("dice", "iou", "thresholded_jaccard", "precision", "recall", "hd95")  # of an image, in predictions.csv
SCORES = (*METRICS, "failure_rate", "pooled_dice", "pooled_iou")
SIZES = ("store", "original")


def shown(place: str) -> tuple[str, str]:
    """Views and size of `test/<place>/<metric>`: `none_original` is none and original, `flips` is flips and store."""
    views = place.removesuffix("_original")
    return views, SIZES[views != place]


@dataclass(frozen=True)
class MaskScores:
    """Scores of one job's test images at one size, images in order of their id.

    Attributes:
        id: (N,) image names.
        group: (N,) patient or lesion of each image; what is resampled together.
        metrics: each (N, K), NaN undefined.
        area: (N, K) true and predicted pixels together.
    """

    id: NDArray[np.object_]
    group: NDArray[np.object_]
    metrics: dict[str, Floats]
    area: Floats

    @classmethod
    def from_table(cls, table: pd.DataFrame, size: str) -> "MaskScores":
        """Take the rows of one size out of a predictions.csv."""
        rows = table[table["size"] == size]
        wide = rows.pivot(index="id", columns="mask", values=[*METRICS, "truth", "predicted"])  # noqa: PD010
        group = rows.drop_duplicates("id").set_index("id")["group"].reindex(wide.index)
        group = group.fillna(wide.index.to_series())  # an image of no known group is a group of its own
        metrics = {name: wide[name].to_numpy(float) for name in METRICS}
        area = (wide["truth"] + wide["predicted"]).to_numpy(float)
        return cls(wide.index.to_numpy(object), group.to_numpy(object), metrics, area)

    def score(self, name: str, weight: Floats) -> Floats:
        """One of `SCORES`, mean over masks, of R weightings of the images: (R, N) -> (R,)."""
        if name.startswith("pooled_"):  # of all images seen as one: their Dice, weighted by area
            dice = ratio(weight @ (np.nan_to_num(self.metrics["dice"]) * self.area), weight @ self.area)
            return mean_defined(dice if name == "pooled_dice" else dice / (2 - dice))
        values = self.metrics["thresholded_jaccard" if name == "failure_rate" else name]
        defined = np.isfinite(values)
        values = values == 0 if name == "failure_rate" else np.nan_to_num(values)
        return mean_defined(ratio(weight @ (values * defined), weight @ defined))


def scored_images(sweep: Sweep, place: str) -> tuple[dict[tuple[str, str], MaskScores], str]:
    """Scores of the test images of the done jobs by arm and repeat; else why there are none.

    Args:
        place: of the metric, `test/<place>/<metric>`.
    """
    views, size = shown(place)
    tables, others = {}, set()
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    for job, arm, repeat in zip(done["job"], done["arm"], done["repeat"], strict=True):
        table = predictions(sweep, job)
        if table is None or not {"mask", "size"} <= {*table.columns} or size not in set(table["size"]):
            continue
        if (kept := kept_views(sweep, job)) not in (None, views):
            others.add(str(kept))
            continue
        tables[arm, repeat] = MaskScores.from_table(table, size)
    if others:
        return {}, f"jobs keep the scores of single images with views {', '.join(sorted(others))}, not {views}"
    return tables, ""
