"""The data files of a page, from the runs: as many predictions of single images as fit into a small file."""

import json
from collections.abc import Mapping

import pandas as pd

from dermoscopy.report.published.images import NotCompact, Place, pack_images
from dermoscopy.report.published.record import IMAGES, RECORD, Choice, data_files, pack_record
from dermoscopy.report.results.arms import VALIDATION_MASKS, is_segmentation
from dermoscopy.report.results.comparisons import sweep_design
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.report.results.constant_masks import TRAINING_MASK, training_masks
from dermoscopy.report.results.findings import compared_metric
from dermoscopy.report.results.folds import AXIS
from dermoscopy.report.results.mask_scores import SIZES, tta_and_size
from dermoscopy.report.results.metadata import METADATA, image_metadata, pack_metadata
from dermoscopy.runs.tables import SweepResults

LARGEST = 1_000_000  # characters of images.csv
UNBOUNDED = "hd95"


def pack(sweep: SweepResults, choice: Choice, command: str) -> tuple[dict[str, str], str]:
    """Return the data files of a page, and why they are not enough to make the page again, "" if they are.

    Args:
        sweep: the sweep of the page.
        choice: what the user has chosen.
        command: that writes the page.
    """
    files, (images, left_out), lacking = data_files(sweep), ("", ""), ""
    metric = compared_metric(with_validation_masks(sweep), choice.metric)
    if metric is not None:
        constants, lacking = training_masks(sweep) if is_segmentation(sweep.table) else ({}, "")
        images, left_out = _images(sweep, metric, {(TRAINING_MASK, *place): own for place, own in constants.items()})
    metadata, no_metadata = image_metadata(sweep)
    lacks = {"no_constant_masks": lacking, "no_metadata": no_metadata}
    record = pack_record(sweep, choice, command, left_out) | lacks
    if images:
        files[IMAGES] = images
    if packed := pack_metadata(metadata):
        files[METADATA] = packed
    return {RECORD: json.dumps(record), **files}, left_out


def _images(sweep: SweepResults, metric: str, constants: Mapping[Place, pd.DataFrame]) -> tuple[str, str]:
    """Return images.csv and why it lacks what the page needs: all conditions if they fit, else the compared one."""
    place, score = metric.split("/", 2)[1:]
    every = [*SIZES] if is_segmentation(sweep.table) else _conditions(sweep)
    needed = ["store", tta_and_size(place)[1]] if is_segmentation(sweep.table) else [place]
    if AXIS in sweep.axes or place == VALIDATION_MASKS or (sweep_design(sweep).fixed and len(every) > len(needed)):
        needed = every
    if score.partition("/")[0] == UNBOUNDED:
        return "", f"{IMAGES} has no distances of single images, which {metric} needs"
    try:
        for places in (every, needed):
            images = pack_images(sweep.done, places, constants)
            if len(images) <= LARGEST:
                return images, ""
    except NotCompact as error:
        return "", f"no {IMAGES}: {error}"
    rows = images.count("\n") - 1
    return "", f"no {IMAGES}: its {rows} rows would have {len(images) / 1e6:.1f} MB, more than {LARGEST / 1e6:g} MB"


def _conditions(sweep: SweepResults) -> list[str]:
    """Return the mask conditions of all predictions, in order of their first job."""
    tables = [job.last.predictions for job in sweep.done]
    known = [table["mask_condition"] for table in tables if table is not None and "mask_condition" in table]
    return list(dict.fromkeys(name for conditions in known for name in conditions.unique()))
