"""Numbers of the box plots of a sweep: the scores, or of classifiers the losses, of single test images in each arm."""

import numpy as np
import pandas as pd

from dermoscopy.machine.messages import nearest
from dermoscopy.report.results.arms import VALIDATION_MASKS
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


def per_image_loss(sweep: SweepResults, condition: str) -> pd.DataFrame:
    """Return the binary cross-entropy of each test image in each done job of classifiers, the mean over its labels.

    It is computed from the logits in predictions.csv, without weights of classes. Labels that are unknown do not count.

    Args:
        sweep: to read the predictions of.
        condition: the mask condition, or `validation_masks`: each arm in that of its validation.

    Returns:
        Columns arm, id, seed, value; no row for jobs that predicted no labels in this condition.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    for job in sweep.done:
        table = job.last.predictions
        if table is not None and {"logit", "truth", "mask_condition"} <= {*table.columns}:
            own = job.last.configuration.validation_masks if condition == VALIDATION_MASKS else condition
            rows = table[(table["mask_condition"] == own) & table["truth"].notna()]
            loss = np.logaddexp(0, ((1 - 2 * rows["truth"]) * rows["logit"]).to_numpy(float))
            values = pd.Series(loss, name="value").groupby(rows["id"].to_numpy()).mean().rename_axis("id")
            parts.append(values.reset_index().assign(arm=job.arm, seed=job.record["seed"])[COLUMNS])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True).astype({"value": float})


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
