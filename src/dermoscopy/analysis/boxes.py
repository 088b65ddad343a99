"""Box plot of a segmentation sweep: how the scores of single test images spread in each arm."""

from textwrap import fill

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dermoscopy.analysis.arms import short_names
from dermoscopy.analysis.figures import COLOURS, FAINT, INK, STYLE, metric_words
from dermoscopy.analysis.markdown import interval, markdown_table, number
from dermoscopy.analysis.runs import Sweep, predictions
from dermoscopy.suggest import nearest

LABEL = 30  # characters in a line of an arm's name
COLUMNS = ["arm", "id", "seed", "value"]
MEAN = {"marker": "D", "markersize": 5, "markerfacecolor": "white", "markeredgecolor": COLOURS[1]}
OUTLIERS = {"marker": "o", "markersize": 3, "markerfacecolor": INK, "markeredgewidth": 0, "alpha": 0.35}


def per_image(sweep: Sweep, metric: str, mask: str | None = None) -> pd.DataFrame:
    """Score of each test image in each job that is done, at the store's size.

    Args:
        metric: a column of predictions.csv, such as `iou`.
        mask: only this one; None: of each image the mean over its masks.

    Returns:
        Columns arm, id, seed, value; no row for jobs that segmented nothing.

    Raises:
        ValueError: the sweep segmented, but not this mask, or without this metric.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    for job, arm, seed in zip(done["job"], done["arm"], done["seed"], strict=True):
        table = predictions(sweep, job)
        if table is not None and {"mask", "size"} <= {*table.columns}:
            own = _column(table[table["size"] == "store"], metric, mask)
            parts.append(own.reset_index().assign(arm=arm, seed=seed)[COLUMNS])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True).astype({"value": float})


def _column(table: pd.DataFrame, metric: str, mask: str | None) -> pd.Series:
    """One value an image, indexed by id."""
    if metric not in table:
        known = table.select_dtypes("number").columns
        raise ValueError(f"predictions.csv has no metric {metric!r}{nearest(metric, known)}")
    masks = list(table["mask"].unique())
    if mask not in (None, *masks):
        raise ValueError(f"the sweep segmented no mask {mask!r}; there are: {', '.join(masks)}")
    rows = table if mask is None else table[table["mask"] == mask]
    return rows.groupby("id")[metric].mean().rename("value")


def box_table(images: pd.DataFrame) -> pd.DataFrame:
    """Quartiles and mean of each arm over its images, the highest median first.

    A test image counts once however many seeds were tested on it, with its mean over them.

    Args:
        images: columns arm, id, seed, value; NaN is undefined and counts nowhere.

    Returns:
        Indexed by arm: images, seeds, median, lower and upper (quartiles), mean.
    """
    pooled = _pooled(images).groupby(level="arm", sort=False)
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


def boxes_section(images: pd.DataFrame, metric: str, picture: str) -> str:
    """The figure of `draw_boxes` and its numbers."""
    if images.empty:
        return ""
    names = short_names(list(images["arm"].unique()))
    rows = [
        [
            names[str(arm)],
            *(row["images"], row["seeds"]),
            number(row["median"]),
            interval(row["lower"], row["upper"], ".3f"),
            number(row["mean"]),
        ]
        for arm, row in box_table(images).to_dict("index").items()
    ]
    title = f"### {metric_words(metric)} of single test images"
    head = ["arm", "images", "seeds", "median", "quartiles", "mean"]
    return "\n\n".join([title, f"![{title[4:]}, by arm]({picture})", markdown_table(head, rows)])


def draw_boxes(images: pd.DataFrame, metric_label: str) -> Figure:
    """Draw one box an arm: quartiles, median, whiskers of 1.5 interquartile ranges, outliers, and the mean.

    Args:
        images: as for `box_table`, which has the numbers of the figure.
        metric_label: what the values are, for the axis.

    Raises:
        ValueError: there are no values.
    """
    table, pooled = box_table(images), _pooled(images).dropna()
    if pooled.empty:
        raise ValueError(f"no image has a value of {metric_label}: there is nothing to draw")
    with mpl.rc_context(STYLE):
        labels = _labels(table)
        row = 0.2 + 0.17 * max(label.count("\n") + 1 for label in labels)  # inches
        figure = Figure(figsize=(9.6, 1 + row * len(table)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        _boxes(axes, [pooled[pooled.index.get_level_values("arm") == arm].to_numpy() for arm in table.index])
        axes.set_yticks(range(len(table)), labels)
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#eeeeee", zorder=-1)
        axes.set_axisbelow(True)
        axes.set_xlabel(metric_label)
        seeds = ", mean over seeds of each image" if (table["seeds"] > 1).any() else ""
        axes.set_title(f"Test images{seeds}: quartiles and mean (◇), highest median first", loc="left")
    return figure


def _pooled(images: pd.DataFrame) -> pd.Series:
    """Mean over the seeds of each arm and image."""
    return images.groupby(["arm", "id"], sort=False)["value"].mean()


def _boxes(axes: Axes, values: list) -> None:
    axes.boxplot(
        values,
        positions=range(len(values)),
        orientation="horizontal",
        widths=0.55,
        patch_artist=True,
        showmeans=True,
        boxprops={"facecolor": COLOURS[4], "alpha": 0.6, "edgecolor": COLOURS[0]},
        medianprops={"color": INK, "linewidth": 1.8},
        meanprops=MEAN,
        flierprops=OUTLIERS,
        whiskerprops={"color": FAINT},
        capprops={"color": FAINT},
    )


def _labels(table: pd.DataFrame) -> list[str]:
    """Name of each arm over its numbers of images and, where they were pooled, seeds."""
    names = short_names(list(table.index))
    labels = []
    for arm, images, seeds in zip(table.index, table["images"], table["seeds"], strict=True):
        count = f"{images} images" + (f", {seeds} seeds" if seeds > 1 else "")
        labels.append(f"{fill(names[arm], LABEL)}\n{count}")
    return labels
