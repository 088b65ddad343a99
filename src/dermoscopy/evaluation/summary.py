"""Mean scores over a table of images, with intervals over patients."""

import numpy as np
import pandas as pd

from dermoscopy.metrics.intervals import block_weights, interval
from dermoscopy.metrics.segmentation import UNBOUNDED, Areas, averages

METRICS = ("dice", "iou", "thresholded_jaccard", "precision", "recall", "hd95")
MEAN = "mean"  # stands for the mean over masks in column mask


def summarise(images: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of images, with 95 % intervals by the jackknife over their groups.

    Args:
        images: one row per image, mask and size, as in predictions.csv.

    Returns:
        Columns metric, mask, size, mean, low, high, images (the number for which the score is defined). With several
        masks also rows of mask `mean`, see `averages`. No rows of hd95 and one_side_empty if they were not computed.
    """
    parts = [_summarise(images[images["size"] == size], size) for size in images["size"].unique()]
    return pd.concat(parts, ignore_index=True)


def _summarise(images: pd.DataFrame, size: str) -> pd.DataFrame:
    names = list(images["mask"].unique())
    tables = images.pivot(index="id", columns="mask", values=[*METRICS, *Areas._fields])  # noqa: PD010
    computed = [name for name in METRICS if name != "hd95" or images[name].notna().any()]
    values = {name: tables[name][names].to_numpy(float) for name in computed}
    areas = Areas(*(tables[name][names].to_numpy(float) for name in Areas._fields))
    group = images.drop_duplicates("id").set_index("id")["group"].loc[tables.index].to_numpy(object)
    mean = averages(values, areas, np.ones((1, len(tables))))
    left_out = averages(values, areas, next(block_weights([group])))
    rows, columns = [], [*names, MEAN] if len(names) > 1 else names
    for metric in mean:
        defined = np.isfinite(values.get(metric, values["iou"]))
        counted = [*defined.sum(0), defined.any(1).sum()]
        for number, name in enumerate(columns):
            value = mean[metric][0, number]
            ends = interval(value, left_out[metric][:, number], bounded=metric not in UNBOUNDED)
            rows.append((metric, name, size, value, *ends, counted[number]))
    return pd.DataFrame(rows, columns=["metric", "mask", "size", "mean", "low", "high", "images"])
