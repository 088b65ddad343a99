"""What a gallery needs of each finished run: its store, its predicted labels and its predicted masks."""

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.masks.predicted import MASKS, PredictedMasks, commonly_known, read_masks
from dermoscopy.report.results.arms import VALIDATION_MASKS
from dermoscopy.report.results.label_predictions import COLUMNS
from dermoscopy.runs.files import PREDICTIONS
from dermoscopy.runs.tables import JobResults, SweepResults

OF_MASKS = {"id", "mask", "size", "dice"}  # columns of predictions.csv of masks that are needed here
DRAWN_BY = "dermoscopy.data.demo.dataset.make_demo"


@dataclass(frozen=True, eq=False)
class ShownRun:
    """A finished run and its predictions on its test images; it has labels, masks, or both.

    Attributes:
        job: its record.
        store: the images that it was trained on.
        labels: its predictions.csv of labels; None if it predicts none.
        scores: its predictions.csv of masks at the size of the store; None if it predicts none.
        masks: the predicted masks; None if it predicts none, or their file is missing.
    """

    job: JobResults
    store: Store
    labels: pd.DataFrame | None
    scores: pd.DataFrame | None
    masks: PredictedMasks | None

    @cached_property
    def ids(self) -> frozenset[str]:
        """Ids of its test images."""
        tables = (table for table in (self.labels, self.scores) if table is not None)
        return frozenset(str(id) for table in tables for id in table["id"].unique())

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of the store by id."""
        return {id: row for row, id in enumerate(self.store.ids.tolist())}

    @cached_property
    def mask_rows(self) -> dict[str, int]:
        """Row of `masks` by id."""
        return {} if self.masks is None else {id: row for row, id in enumerate(self.masks.ids.tolist())}

    def condition(self, name: str) -> str:
        """Return the mask condition of that name in `labels`; `validation_masks` stands for that of its validation."""
        return self.job.last.configuration.validation_masks if name == VALIDATION_MASKS else name

    def truth(self, id: str) -> NDArray[np.uint8]:
        """Return the true masks (H, W, K) of an image, in the store's codes and the order of `masks`."""
        assert self.masks is not None
        planes = [self.store.mask_names.index(name) for name in self.masks.names]
        return commonly_known(self.store.mask(mapped=True)[self.rows[id]][..., planes], self.masks.exclusive)


def shown_runs(sweep: SweepResults) -> tuple[list[ShownRun], list[str]]:
    """Return the finished runs that have predictions, and one line for each run that is left out or lacks its masks.

    Raises:
        ValueError: no run has predictions; the store or the masks of a run are other ones than those of its training.
        FileNotFoundError: the store of a run does not exist.
    """
    stores: dict[Path, Store] = {}
    runs, lacking = [], []
    for job in sweep.done:
        table = job.last.predictions
        if table is None:
            lacking.append(f"{job.name}: no {PREDICTIONS} in {job.last.folder.name}")
            continue
        is_label = set(table.columns) >= COLUMNS
        if not is_label and not set(table.columns) >= OF_MASKS:
            lacking.append(f"{job.name}: {PREDICTIONS} in {job.last.folder.name} is that of another version")
            continue
        scores = None if is_label else table[table["size"] == "store"]
        store = _store(job, stores)
        masks, missing = _masks(job, store, needed=not is_label)
        lacking += [missing] if missing else []
        runs.append(ShownRun(job, store, table if is_label else None, scores, masks))
    if not runs:
        raise ValueError(
            f"a gallery shows test images, but no finished job of sweep {sweep.folder.name} has a {PREDICTIONS} that "
            "this version reads: leave out gallery="
        )
    return runs, lacking


def _store(job: JobResults, opened: dict[Path, Store]) -> Store:
    """Open the store of a job."""
    configuration, data = job.last.configuration, job.record["data"]
    file = job.last.store_file
    raw = configuration.content["data"].get("raw")  # type: ignore[attr-defined]
    typed = ["python", "prepare.py", f"data={data['name']}", f"data.size={list(data['size'])}".replace(" ", "")]
    remedy = f"make it with `{shlex.join([*typed, *([f'data.raw={raw}'] if raw else [])])}`, or leave out gallery="
    if not file.is_file():
        raise FileNotFoundError(f"a gallery shows the images of {file}, which does not exist: {remedy}")
    store = opened.get(file) or opened.setdefault(file, open_store(file))
    if store.fingerprint != data["fingerprint"]:
        raise ValueError(
            f"{file} has other images (fingerprint {store.fingerprint[:12]}) than {job.name} was trained on "
            f"({data['fingerprint'][:12]}): {remedy}"
        )
    return store


def _masks(job: JobResults, store: Store, needed: bool) -> tuple[PredictedMasks | None, str]:
    """Read the predicted masks of a job, and say why there are none where some are needed."""
    file = job.last.folder / MASKS
    if not file.is_file():
        return None, f"{job.name}: no {MASKS} in {job.last.folder.name}" if needed else ""
    masks = read_masks(file)
    if masks.fingerprint != store.fingerprint:
        raise ValueError(f"{file} was predicted for other images than those of {store.path}: delete it, and test again")
    return masks, ""


def are_drawn(sweep: SweepResults) -> bool:
    """Tell whether all images of a sweep are drawn by the demo, so that a gallery of them shows no photograph."""
    makers = [job.last.configuration.content["data"].get("make") for job in sweep.done]  # type: ignore[attr-defined]
    return bool(makers) and all(isinstance(make, dict) and make.get("_target_") == DRAWN_BY for make in makers)
