"""What masks reach that are the same for every image: nothing, everything, and the best that training masks teach."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.metrics.statistics import Floats, mean_defined, ratio
from dermoscopy.runs.files import SPLIT
from dermoscopy.runs.tables import Sweep, configuration, last_stage

FAILURE = 0.65  # an IoU below it counts 0; source: ISIC 2018 challenge, task 1, arXiv 1902.03368
SHARES = np.linspace(0.05, 0.95, 19)  # of the training images
CHUNK = 256  # images at a time: bounds memory
LEARNT = "one mask for all"
Codes = NDArray[np.uint8]  # (N, H, W): 0 absent, 1 present, 255 unknown


def constant_masks(sweep: Sweep) -> tuple[pd.DataFrame | None, str]:
    """Scores of constant masks on the test images at the store's size, the mean over the done jobs; else why none."""
    seen: dict[tuple[Any, ...], pd.DataFrame] = {}
    parts = []
    for job in sweep.jobs.loc[sweep.jobs["status"] == "done", "job"]:
        folder, data = last_stage(sweep, job), configuration(sweep, job).get("data")
        if folder is None or not data or not (folder / SPLIT).is_file():
            return None, f"job {job} left no config.yaml and split.csv"
        file = _located(data["store"], sweep)
        key = (file, *data["masks"], (folder / SPLIT).read_text())
        try:
            if key not in seen:
                seen[key] = _of_split(open_store(file), sweep.records[job], data["masks"], folder / SPLIT)
        except (OSError, ValueError) as error:
            return None, f"{error}"
        parts.append(seen[key])
    return (pd.concat(parts).groupby(level=0, sort=False).mean(), "") if parts else (None, "no job is done")


def _located(store: str, sweep: Sweep) -> Path:
    """A relative path is taken from the folder that holds `runs/`, where the training was started."""
    return sweep.folder.parents[2].resolve().parent / store


def _of_split(store: Store, record: dict[str, Any], masks: Sequence[str], split: Path) -> pd.DataFrame:
    if store.fingerprint != record["data"]["fingerprint"]:
        raise ValueError(f"{store.path} is no longer the store of this sweep")
    side = pd.read_csv(split, dtype=str, keep_default_na=False).set_index("id")["side"].reindex(store.ids)
    train, test = (np.flatnonzero(side == name) for name in ("train", "test"))
    truth = store.mask(mapped=True)
    each = [score_constant_masks(truth[..., store.mask_names.index(name)], train, test) for name in masks]
    return pd.concat(each).groupby(level=0, sort=False).mean()


def score_constant_masks(truth: Codes, train: NDArray[np.int_], test: NDArray[np.int_]) -> pd.DataFrame:
    """Scores of three masks on the test images, each the same for every image.

    The learnt one has the pixels that are present in at least so many of the training images as gives the highest mean
    Dice there.

    Args:
        truth: masks of all images.
        train, test: rows of it.
    """
    size = truth.shape[1] * truth.shape[2]
    present, known = np.zeros(size), np.zeros(size)
    for start in range(0, len(train), CHUNK):
        codes = truth[train[start : start + CHUNK]].reshape(-1, size)
        present += (codes == 1).sum(0)
        known += (codes != NOT_ANNOTATED).sum(0)
    candidates = np.nan_to_num(ratio(present, known)) >= SHARES[:, None]
    best = candidates[np.nanargmax(mean_defined(_scores(truth, train, candidates)["dice"], axis=0))]
    scores = _scores(truth, test, np.stack([np.zeros(size, bool), np.ones(size, bool), best]))
    return pd.DataFrame(
        {name: mean_defined(values, axis=0) for name, values in scores.items()},
        index=["nothing", "everything", LEARNT],
    )


def _scores(truth: Codes, rows: NDArray[np.int_], masks: NDArray[np.bool_]) -> dict[str, Floats]:
    """Scores (n, M) of images held against masks (M, H * W); both empty is 1, an image of no known pixel NaN."""
    predicted, parts = masks.T.astype(np.float32), []
    for start in range(0, len(rows), CHUNK):
        codes = truth[rows[start : start + CHUNK]].reshape(-1, len(predicted))
        present, known = codes == 1, codes != NOT_ANNOTATED
        parts.append((present @ predicted, known @ predicted, present.sum(1), known.sum(1)))
    tp, positive, area, seen = (np.concatenate(part).astype(float) for part in zip(*parts, strict=True))
    union = positive + area[:, None] - tp
    empty = (union == 0) & (seen[:, None] > 0)
    iou = np.where(empty, 1, ratio(tp, union))
    scores = {"dice": 2 * iou / (1 + iou), "iou": iou, "thresholded_jaccard": np.where(iou < FAILURE, 0, iou)}
    return scores | {"failure_rate": np.where(np.isnan(iou), np.nan, iou < FAILURE)}
