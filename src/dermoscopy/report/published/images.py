"""Scores of single test images in one CSV, and the predictions of each job read from it again.

One row per repeat, image, label (or mask) and condition (or size), with what all arms share: id, group, truth. Beside
it each arm has its logit or, of a segmenter, the number of predicted pixels and how many of these are true (`hit`),
from which all scores of an image follow, except distances.
"""

from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd

from dermoscopy.metrics.segmentation import confusion, image_scores
from dermoscopy.report.results.constant_masks import TRAINING_MASK
from dermoscopy.report.results.label_predictions import COLUMNS
from dermoscopy.runs.tables import JobResults

REPEAT = ["seed", "fold"]
LABELS = [*REPEAT, "mask_condition", "label", "id", "group", "truth"]  # what arms share, of classifiers
MASKS = [*REPEAT, "size", "mask", "id", "group", "truth", "pixels"]  # and of segmenters
DIGITS = 5  # significant ones of a logit
OF = " of "  # between a value and its arm, in the name of a column
Place = tuple[str, Any, Any]  # arm, seed, fold


class NotCompact(ValueError):
    """The predictions have more than this format holds."""


def pack_images(jobs: Sequence[JobResults], places: Iterable[str], constants: Mapping[Place, pd.DataFrame]) -> str:
    """Return the predictions of jobs as CSV, "" if there are none.

    Args:
        jobs: done jobs, all classifiers or all segmenters.
        places: mask conditions, or sizes (store, original), to keep.
        constants: the mean training mask by repeat, in the form of a segmenter's predictions.

    Raises:
        NotCompact: a threshold depends on the mask condition.
    """
    kept = [*places]
    tables: dict[Place, pd.DataFrame] = {}
    for job in jobs:
        table = job.last.predictions
        place = job.arm, job.record["seed"], job.record["fold"]
        if table is not None and {"mask", "size"} <= {*table.columns}:
            tables[place] = _masks(table[table["size"].isin(kept)])
        elif table is not None and set(table.columns) >= COLUMNS:
            if (table.groupby("label")["threshold"].nunique() > 1).any():
                raise NotCompact(f"job {job.number} has thresholds that depend on the mask condition")
            tables[place] = table[table["mask_condition"].isin(kept)][[*LABELS[2:], "logit"]]
    if not tables:
        return ""
    base = MASKS if "mask" in next(iter(tables.values())) else LABELS
    tables |= {place: _masks(table) for place, table in constants.items()}
    wide = _wide(tables, base)
    return wide.to_csv(index=False, float_format=f"%.{DIGITS}g")


def _masks(table: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of pixels of a segmenter's predictions, with the true positives that their Dice implies."""
    hit = (table["dice"] * (table["truth"] + table["predicted"]) / 2).round()
    own = table.assign(hit=hit, pixels=table.get("pixels", np.nan), group=table.get("group", table["id"]))
    return own[[*MASKS[2:], "predicted", "hit"]]


def _wide(tables: Mapping[Place, pd.DataFrame], base: list[str]) -> pd.DataFrame:
    """Return all tables beside one another, rows in order of the shared columns."""
    columns: dict[str, pd.Series] = {}
    for arm in dict.fromkeys(arm for arm, *_ in tables):
        own = [table.assign(seed=seed, fold=fold) for (name, seed, fold), table in tables.items() if name == arm]
        rows = pd.concat(own, ignore_index=True)
        numbers = [name for name in rows if name not in base]
        shared = rows[base].apply(_texts)  # missing values are no index
        for name in numbers:
            values = rows[name] if name == "logit" else rows[name].astype("Int64")
            columns[f"{name}{OF}{arm}"] = pd.Series(values.array, index=pd.MultiIndex.from_frame(shared))
    whole = pd.concat(columns, axis=1)
    order = whole.index.to_frame(index=False).sort_values(base, key=_sortable, kind="stable").index
    return whole.iloc[order].reset_index()


def _texts(column: pd.Series) -> pd.Series:
    """Return a column as texts, whole numbers without a point and missing values empty."""
    numbers = pd.to_numeric(column) if column.isna().all() or column.name in REPEAT else column
    if pd.api.types.is_numeric_dtype(numbers) and (numbers.dropna() % 1 == 0).all():
        column = numbers.astype("Int64")
    return column.astype("string").fillna("").astype(object)


def _sortable(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column) if column.name in REPEAT else column


class Images:
    """Predictions of all jobs, read from the CSV of `pack_images`."""

    def __init__(self, text: str) -> None:
        words = dict.fromkeys(("id", "group", "mask_condition", "label", "mask", "size"), str)
        read: dict[str, Any] = {
            "dtype": words,
            "keep_default_na": False,
            "na_values": [""],
        }
        self.table = pd.read_csv(StringIO(text), **read) if text else pd.DataFrame(columns=REPEAT)

    def predictions(self, place: Place, thresholds: Mapping[str, float | None]) -> pd.DataFrame | None:
        """Return the predictions of the job at this place as in its predictions.csv; None if there are none.

        Args:
            place: its arm, seed and fold.
            thresholds: of its labels.
        """
        rows = self._rows(place)
        if rows is None:
            return None
        if "logit" in rows:
            return rows.assign(threshold=rows["label"].map(thresholds).astype(float))
        tp, truth, predicted, known = (rows[name].to_numpy(float) for name in ("hit", "truth", "predicted", "pixels"))
        known = np.where(np.isnan(known), truth + predicted - tp + 1, known)  # earlier versions did not record them
        counts = np.stack(confusion(tp, predicted, truth, known), axis=-1)
        scores = {name: values[:, 0] for name, values in image_scores(counts[:, None]).items()}
        return rows.assign(**scores, hd95=np.nan)

    def training_mask(self, place: Place) -> pd.DataFrame | None:
        """Return the pixels of the mean training mask on the images of this repeat; None if they are not recorded."""
        return self._rows((TRAINING_MASK, *place[1:]))

    def _rows(self, place: Place) -> pd.DataFrame | None:
        arm, seed, fold = place
        own = {name: f"{name}{OF}{arm}" for name in ("logit", "predicted", "hit")}
        known = {column: name for name, column in own.items() if column in self.table}
        if not known:
            return None
        of_repeat = _equal(self.table["seed"], seed) & _equal(self.table["fold"], fold)
        present = self.table[next(column for column in known if not column.startswith("hit"))].notna()
        rows = self.table.loc[of_repeat & present]
        base = MASKS if "mask" in rows else LABELS
        return None if rows.empty else rows[[*base[2:], *known]].rename(columns=known).reset_index(drop=True)


def _equal(column: pd.Series, value: object) -> "pd.Series[bool]":
    return column.isna() if value is None else column == value
