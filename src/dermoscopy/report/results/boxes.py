"""Numbers of the box plots of a segmentation sweep: the scores of single test images in each arm."""

import pandas as pd

from dermoscopy.machine.messages import nearest
from dermoscopy.runs.tables import SweepResults

COLUMNS = ["arm", "id", "seed", "value"]


def per_image(sweep: SweepResults, metric: str, mask: str | None = None) -> pd.DataFrame:
    """Return the score of each test image in each job that is done, at the store's size.

    Args:
        sweep: to read the predictions of.
        metric: a column of predictions.csv, such as `iou`.
        mask: name of a mask; None: the mean over the masks of each image.

    Returns:
        Columns arm, id, seed, value; no row for jobs that predicted no masks.

    Raises:
        ValueError: the sweep predicted masks, but not this one, or without this metric.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    for job in sweep.done:
        table = job.last.predictions
        if table is not None and {"mask", "size"} <= {*table.columns}:
            own = _column(table[table["size"] == "store"], metric, mask)
            parts.append(own.reset_index().assign(arm=job.arm, seed=job.record["seed"])[COLUMNS])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True).astype({"value": float})


def _column(table: pd.DataFrame, metric: str, mask: str | None) -> pd.Series:
    """Return one value per image, indexed by id."""
    if metric not in table:
        known = table.select_dtypes("number").columns
        raise ValueError(f"predictions.csv has no metric {metric!r}{nearest(metric, known)}")
    masks = list(table["mask"].unique())
    if mask not in (None, *masks):
        raise ValueError(f"the sweep predicted no mask {mask!r}; there are: {', '.join(masks)}")
    rows = table if mask is None else table[table["mask"] == mask]
    return rows.groupby("id")[metric].mean().rename("value")


def box_table(images: pd.DataFrame) -> pd.DataFrame:
    """Return quartiles and mean of each arm over its images, the highest median first.

    A test image counts once, with its mean over the seeds that were tested on it.

    Args:
        images: columns arm, id, seed, value; NaN is undefined and not counted.

    Returns:
        Indexed by arm: images, seeds, median, lower and upper (quartiles), mean.
    """
    pooled = mean_over_seeds(images).groupby(level="arm", sort=False)
    table = pd.DataFrame(
        {
            "images": pooled.count(),
            "seeds": images.groupby("arm", sort=False)["seed"].nunique(),
            "median": pooled.median(),
            "lower": pooled.quantile(0.25),
            "upper": pooled.quantile(0.75),
            "mean": pooled.mean(),
        }
    )
    return table.sort_values("median", ascending=False, kind="stable")


def mean_over_seeds(images: pd.DataFrame) -> pd.Series:
    """Return the mean over the seeds of each arm and image."""
    return images.groupby(["arm", "id"], sort=False)["value"].mean()
