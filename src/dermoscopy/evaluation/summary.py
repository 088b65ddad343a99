"""Mean scores over a table of images, with bootstrap intervals over patients."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.segmentation import Areas, averages
from dermoscopy.metrics.statistics import REPLICATES, draw_groups, percentiles

METRICS = ("dice", "iou", "thresholded_jaccard", "precision", "recall", "hd95")
MEAN = "mean"  # stands for the mean over masks in column mask
CHUNK = 100  # resamples at a time: bounds memory with many images
Floats = NDArray[np.float64]


def summarise(images: pd.DataFrame, replicates: int = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """Average the scores of images, with 95 % percentile intervals of a bootstrap over their groups.

    Args:
        images: one row per image, mask and size, as in predictions.csv.
        replicates: resamples; 0: no intervals.
        seed: of the resamples.

    Returns:
        Columns metric, mask, size, mean, low, high, images (the number for which the score is defined). With several
        masks also rows of mask `mean`, see `averages`. No rows of hd95 and one_side_empty if they were not computed.
    """
    parts = [_summarise(images[images["size"] == size], replicates, seed, size) for size in images["size"].unique()]
    return pd.concat(parts, ignore_index=True)


def _summarise(images: pd.DataFrame, replicates: int, seed: int, size: str) -> pd.DataFrame:
    names = list(images["mask"].unique())
    tables = images.pivot(index="id", columns="mask", values=[*METRICS, *Areas._fields])  # noqa: PD010
    computed = [name for name in METRICS if name != "hd95" or images[name].notna().any()]
    values = {name: tables[name][names].to_numpy(float) for name in computed}
    areas = Areas(*(tables[name][names].to_numpy(float) for name in Areas._fields))
    group = images.drop_duplicates("id").set_index("id")["group"].loc[tables.index].to_numpy(str)
    mean = averages(values, areas, np.ones((1, len(tables))))
    draws = [averages(values, areas, weight) for weight in _weights(group, replicates, seed)]
    rows, columns = [], [*names, MEAN] if len(names) > 1 else names
    for metric in mean:
        samples = np.concatenate([draw[metric] for draw in draws])
        defined = np.isfinite(values.get(metric, values["iou"]))
        counted = [*defined.sum(0), defined.any(1).sum()]
        for number, name in enumerate(columns):
            value = mean[metric][0, number]
            rows.append((metric, name, size, value, *percentiles(samples[:, number]), counted[number]))
    return pd.DataFrame(rows, columns=["metric", "mask", "size", "mean", "low", "high", "images"])


def _weights(group: NDArray[np.str_], replicates: int, seed: int) -> Iterator[Floats]:
    """Yield how often each image is in each resample of the groups, (R, N) per chunk; no resample of a single group."""
    names, member = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    left = replicates if len(names) > 1 else 0
    while True:
        drawn = draw_groups(rng, len(names), min(CHUNK, left))
        yield drawn[:, member].astype(float)
        left -= len(drawn)
        if left <= 0:
            return
