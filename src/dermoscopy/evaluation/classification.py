"""Files of evaluated labels: predictions.csv, confusion.csv, and two pictures of one mask condition."""

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from dermoscopy.evaluation.pictures.classification import draw_confusion, draw_reliability
from dermoscopy.machine.files import write_atomically
from dermoscopy.metrics.classification import known_labels, log_odds
from dermoscopy.plots.style import save_figure
from dermoscopy.runs.files import PREDICTIONS

CONFUSION = "confusion.csv"
PLACE = ["mask_condition", "label", "truth", "predicted"]  # of a count in confusion.csv
NUMBERS = ("truth", "logit", "threshold")


def prediction_rows(
    images: Mapping[str, str | NDArray[np.str_]],
    names: Sequence[str],
    label: Tensor,
    logits: Tensor,
    thresholds: Tensor,
    exclusive: bool,
) -> pd.DataFrame:
    """Return one row per image and label, with the columns of predictions.csv.

    For exclusive labels a column `predicted_class` also names the likeliest label of the image.

    Args:
        images: id, group and mask_condition, (N,) or one for all.
        names: the L label names.
        label, logits: (N, L), see `label_scores`.
        thresholds: (L,) above which a label counts as predicted.
        exclusive: whether an image has at most one of the labels; `logit` is then the log-odds against the rest.
    """
    truths, odds = known_labels(label, exclusive), log_odds(logits, exclusive)
    classes = {"predicted_class": np.array(names)[logits.argmax(1).cpu().numpy()]} if exclusive else {}
    values = zip(names, *(tensor.cpu().numpy().T for tensor in (truths, odds, thresholds)), strict=True)
    return pd.concat(
        [
            pd.DataFrame(
                dict(images) | {"label": name, "truth": truth, "logit": logit, "threshold": threshold} | classes
            )
            for name, truth, logit, threshold in values
        ]
    )


def with_earlier(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows, and those of other mask conditions in an earlier predictions.csv; as texts, so no digit changes."""
    table = _texts(StringIO(rows.to_csv(index=False)))
    if path.is_file():
        before = _texts(path)
        table = pd.concat([before[~before["mask_condition"].isin(table["mask_condition"])], table])
    return table


def write_label_files(folder: Path, table: pd.DataFrame, names: Sequence[str], exclusive: bool, condition: str) -> None:
    """Write predictions.csv, confusion.csv, confusion.png and reliability.png into a folder.

    Args:
        folder: for the files.
        table: of `prediction_rows` or `with_earlier`.
        names: the L label names.
        exclusive: whether an image has at most one of them.
        condition: the mask condition that the pictures show.
    """
    table = table.sort_values(["mask_condition", "label", "id"])
    write_atomically(folder / PREDICTIONS, table.to_csv(index=False))
    table = table.assign(**{name: pd.to_numeric(table[name]) for name in NUMBERS})
    confusion = confusion_table(table, names, exclusive)
    write_atomically(folder / CONFUSION, confusion.to_csv(index=False))
    counts, images = (frame[frame["mask_condition"] == condition] for frame in (confusion, table))
    pictures = {
        "confusion": draw_confusion(counts, f"Confusion, masks: {condition}"),
        "reliability": draw_reliability(images, names, f"Reliability, masks: {condition}"),
    }
    for name, figure in pictures.items():
        save_figure(figure, folder / f"{name}.png", dpi=80, small=False)


def _texts(file: Path | StringIO) -> pd.DataFrame:
    """Return the rows of a CSV file as texts; the id of an image may be NA."""
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def confusion_table(table: pd.DataFrame, names: Sequence[str], exclusive: bool) -> pd.DataFrame:
    """Count images by true and predicted label.

    Args:
        table: rows of predictions.csv.
        names: the L label names.
        exclusive: whether an image has at most one of them; the likeliest one is then predicted.

    Returns:
        Columns mask_condition, label, truth, predicted, count, threshold: the log-odds above which the label counts as
        predicted. Truth and predicted are 1 or 0; for exclusive labels they are names, and `label` and `threshold` are
        empty, as the likeliest label is predicted. Images of unknown truth are left out.
    """
    decisions = _likeliest(table) if exclusive else _thresholded(table)
    labels: list[str] = [""] if exclusive else list(names)
    kinds: list[str] | list[int] = list(names) if exclusive else [1, 0]
    places = pd.MultiIndex.from_product([list(table["mask_condition"].unique()), labels, kinds, kinds], names=PLACE)
    counts = decisions.groupby(PLACE).size().reindex(places, fill_value=0).rename("count").reset_index()
    if exclusive:
        return counts.assign(threshold=np.nan)
    return counts.merge(table[[*PLACE[:2], "threshold"]].drop_duplicates(PLACE[:2]), how="left", on=PLACE[:2])


def _thresholded(table: pd.DataFrame) -> pd.DataFrame:
    """Return truth and prediction of each label of known truth, 1 or 0."""
    known = table[table["truth"].notna()]
    predicted = (known["logit"] > known["threshold"]).astype(int)
    return known.assign(truth=known["truth"].astype(int), predicted=predicted)


def _likeliest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the true and the likeliest label of each image of known truth."""
    rows = table[table["truth"].notna()]
    truth, logit = (
        rows.pivot_table(index=["mask_condition", "id"], columns="label", values=name) for name in ("truth", "logit")
    )
    return pd.DataFrame({"label": "", "truth": truth.idxmax(axis=1), "predicted": logit.idxmax(axis=1)}).reset_index()
