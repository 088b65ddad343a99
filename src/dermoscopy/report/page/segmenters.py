"""Sections for pages of segmenters: scores by test-time augmentation (TTA) and size, per mask, and of single images."""

import pandas as pd

from dermoscopy.metrics.segmentation import UNBOUNDED
from dermoscopy.plots.style import metric_words
from dermoscopy.report.page.section import Section
from dermoscopy.report.results.arms import MASK_HEADLINES, macro_metrics, mean_and_sd, pivot, short_names, summarise
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.mask_scores import tta_and_size
from dermoscopy.report.results.numbers import interval, number
from dermoscopy.runs.tables import SweepResults


def segmenters_section(sweep: SweepResults, findings: Findings) -> Section:
    """Return the headline metrics of each arm, for each TTA and both sizes."""
    places = dict.fromkeys(name.split("/")[1] for name in macro_metrics(sweep.table) if name.endswith("/dice"))
    distances = [name for name in UNBOUNDED if any(f"test/{place}/{name}" in sweep.table for place in places)]
    metrics = dict.fromkeys([*MASK_HEADLINES, findings.metric.split("/", 2)[2], *distances])
    counts, rows = summarise(findings.table)["n"], []
    values = {
        (place, metric): _spread(sweep, f"test/{place}/{metric}", findings) for place in places for metric in metrics
    }
    for arm, name in findings.names.items():
        rows += [
            [name, str(counts[arm]), *tta_and_size(at), *(values[at, metric][arm] for metric in metrics)]
            for at in places
        ]
    head = ["arm", findings.repeats, "tta", "size", *map(metric_words, metrics)]
    range_ = " (lowest to highest)" if findings.repeats == "folds" else ""
    text = (
        "TTA: none, the images as they are; flips and rotations, the mean over 4 or 8 flipped and rotated versions. "
        "Size: scored against the masks of the store or, with the prediction enlarged, against the original masks."
    )
    if distances:
        text += (
            " HD95: in pixels, the diagonal of the image where exactly one of truth and prediction is empty; the "
            "number of such images is beside it."
        )
    return Section(f"Arms, mean ± sd{range_} over {findings.repeats}", head, rows, text)


def _spread(sweep: SweepResults, metric: str, findings: Findings) -> dict[str, str]:
    """Return mean ± sd per arm, with the range if repeats are folds; `-` if the sweep lacks the metric."""
    if metric not in sweep.table:
        return dict.fromkeys(findings.names, "-")
    table = pivot(sweep.table, metric)
    low, high = table.min(axis=1), table.max(axis=1)
    ranges = findings.repeats == "folds"
    return {
        arm: f"{text} ({low[arm]:.3f} to {high[arm]:.3f})" if ranges and "±" in text else text
        for arm, text in mean_and_sd(table).items()
    }


def each_mask_section(sweep: SweepResults, findings: Findings) -> Section | None:
    """Return the compared metric of each mask, None if there is only one mask."""
    masks = [name for name in sweep.table.columns if name.startswith(f"{findings.metric}/")]
    if not findings.segmented or not masks:
        return None
    values = [_spread(sweep, metric, findings) for metric in masks]
    rows = [[name, *(column[arm] for column in values)] for arm, name in findings.names.items()]
    head = ["arm", *(metric.removeprefix(f"{findings.metric}/") for metric in masks)]
    return Section(f"{findings.words()} of each mask", head, rows)


def boxes_section(table: pd.DataFrame, metric: str) -> Section:
    """Return the numbers of a box plot of single test images.

    Args:
        table: result of `boxes.box_table`.
        metric: metric of single images.
    """
    names = short_names(list(table.index))
    rows = [
        [
            names[str(arm)],
            *(str(row["images"]), str(row["seeds"])),
            number(row["median"]),
            interval(row["lower"], row["upper"], ".3f"),
            number(row["mean"]),
        ]
        for arm, row in table.to_dict("index").items()
    ]
    head = ["arm", "images", "seeds", "median", "quartiles", "mean"]
    return Section(f"{metric_words(metric)} of single test images", head, rows)
