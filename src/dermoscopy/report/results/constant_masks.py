"""Scores of constant masks, the same for every image: nothing, everything, and the thresholded mean training mask."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.metrics.segmentation import confusion, image_scores
from dermoscopy.metrics.statistics import Floats, image_groups, mean_defined, ratio
from dermoscopy.report.results.mask_scores import MaskScores
from dermoscopy.runs.files import SPLIT
from dermoscopy.runs.tables import JobResults, SweepResults

SHARES = np.linspace(0.05, 0.95, 19)  # thresholds of the mean training mask
CHUNK = 256  # images at a time, which bounds memory
TRAINING_MASK = "mean training mask"
CONSTANTS = ("nothing", "everything", TRAINING_MASK)
Repeat = tuple[int | None, int | None]  # seed and fold
Codes = NDArray[np.uint8]  # (N, H, W): 0 absent, 1 present, 255 unknown


def constant_masks(sweep: SweepResults) -> tuple[dict[tuple[str, str], dict[str, MaskScores]], str]:
    """Compute the scores of constant masks on the test images of each done job, at the store's size.

    Returns:
        By arm and repeat the scores of each constant mask, none if they cannot be computed, and why not.
    """
    known, lacking = sweep.constants
    stores: dict[Path, Store] = {}
    by_split: dict[tuple[object, ...], dict[str, MaskScores]] = {}  # jobs of one store, masks and split share scores
    parts = {}
    for job in sweep.done:
        place = job.arm, str(job.repeat)
        if place in known:
            parts[place] = _of_training_mask(known[place])
            continue
        configuration, split = job.last.configuration, job.last.split
        if split is None:
            return {}, lacking or f"job {job.number} has no {SPLIT}"
        file = job.last.store_file
        key = file, configuration.masks, tuple(split.index), tuple(split)
        try:
            if file not in stores:
                stores[file] = open_store(file)
            if key not in by_split:
                by_split[key] = _of_split(stores[file], job, split)
        except (OSError, ValueError) as error:
            return {}, f"{error}".replace(str(file), configuration.store)  # a page names no folder of this machine
        parts[place] = by_split[key]
    return parts, "" if parts else "no job is done"


def _of_split(store: Store, job: JobResults, split: "pd.Series[str]") -> dict[str, MaskScores]:
    if store.fingerprint != job.record["data"]["fingerprint"]:
        raise ValueError(f"{store.path} is no longer the store of this sweep")
    subset = split.reindex(store.ids)
    train, test = (np.flatnonzero(subset == name) for name in ("train", "test"))
    truth = store.mask(mapped=True)
    masks: Sequence[str] = job.last.configuration.masks
    counts = [count_constant_masks(truth[..., store.mask_names.index(name)], train, test) for name in masks]
    ids, groups = (np.asarray(values)[test].astype(object) for values in (store.ids, store.groups))
    return {
        name: MaskScores.from_counts(ids, groups, np.stack([part[:, number] for part in counts], axis=1))
        for number, name in enumerate(CONSTANTS)
    }


def training_masks(sweep: SweepResults) -> tuple[dict[Repeat, pd.DataFrame], str]:
    """Return the pixels of the mean training mask on the test images of each repeat, and why there are none.

    Returns:
        By seed and fold: columns id, group, mask, size, truth, pixels, predicted, dice, one row per image and mask.
    """
    parts, lacking = constant_masks(sweep)
    tables: dict[Repeat, pd.DataFrame] = {}
    for job in sweep.done:
        if (job.arm, str(job.repeat)) in parts and (repeat := (job.record["seed"], job.record["fold"])) not in tables:
            scores, masks = parts[job.arm, str(job.repeat)][TRAINING_MASK], job.last.configuration.masks
            named = {"id": scores.id.repeat(len(masks)), "group": scores.group.repeat(len(masks)), "size": "store"}
            pixels = {name: values.ravel() for name, values in scores.areas._asdict().items()}
            own = pd.DataFrame(named | pixels).assign(mask=[*masks] * len(scores.id))
            tables[repeat] = own.assign(dice=scores.metrics["dice"].ravel())
    return tables, lacking


def _of_training_mask(table: pd.DataFrame) -> dict[str, MaskScores]:
    """Return the scores of all constant masks from the pixels of the mean training mask, see `training_masks`."""
    wide = table.pivot(index="id", columns="mask", values=["truth", "pixels", "predicted", "hit"])  # noqa: PD010
    truth, pixels, predicted, hit = (wide[name].to_numpy(float) for name in ("truth", "pixels", "predicted", "hit"))
    group = image_groups(table, wide.index)
    ends = {"nothing": (0 * hit, 0 * hit), "everything": (truth, pixels), TRAINING_MASK: (hit, predicted)}
    return {
        name: MaskScores.from_counts(wide.index.to_numpy(object), group, _confusion(own, positive, truth, pixels))
        for name, (own, positive) in ends.items()
    }


def _confusion(tp: Floats, predicted: Floats, truth: Floats, known: Floats) -> NDArray[np.int64]:
    return np.nan_to_num(np.stack(confusion(tp, predicted, truth, known), axis=-1)).astype(np.int64)


def count_constant_masks(truth: Codes, train: NDArray[np.int_], test: NDArray[np.int_]) -> NDArray[np.int64]:
    """Count the pixels of the constant masks on the test images, (n, 3, 4), see `segmentation.confusion`.

    The mean training mask is thresholded at the one of `SHARES` with the highest mean Dice on the training images.

    Args:
        truth: masks of all images.
        train, test: rows of `truth`.
    """
    size = truth.shape[1] * truth.shape[2]
    present, known = np.zeros(size), np.zeros(size)
    for start in range(0, len(train), CHUNK):
        codes = truth[train[start : start + CHUNK]].reshape(-1, size)
        present += (codes == 1).sum(0)
        known += (codes != NOT_ANNOTATED).sum(0)
    candidates = np.nan_to_num(ratio(present, known)) >= SHARES[:, None]
    dice = image_scores(_counts(truth, train, candidates))["dice"]
    best = candidates[np.nanargmax(mean_defined(dice, axis=0))]
    return _counts(truth, test, np.stack([np.zeros(size, bool), np.ones(size, bool), best]))


def _counts(truth: Codes, rows: NDArray[np.int_], masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the known pixels (n, M, 4) of masks (M, H * W) on the images in `rows`."""
    predicted, parts = masks.T.astype(np.float32), []
    for start in range(0, len(rows), CHUNK):
        codes = truth[rows[start : start + CHUNK]].reshape(-1, len(predicted))
        present, known = codes == 1, codes != NOT_ANNOTATED
        areas = present.sum(1, keepdims=True), known.sum(1, keepdims=True)
        parts.append(np.stack(np.broadcast_arrays(present @ predicted, known @ predicted, *areas)))
    tp, positive, area, seen = np.concatenate(parts, axis=1).astype(np.int64)
    return np.stack(confusion(tp, positive, area, seen), axis=-1)
