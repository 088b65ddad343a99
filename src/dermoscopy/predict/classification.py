"""Predicted labels of the images of a folder, and of those of a store, scored against the true labels."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dermoscopy.data.store.reader import Store
from dermoscopy.evaluation.classification import prediction_rows, write_label_files
from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.messages import nearest
from dermoscopy.metrics.classification import RECORDED, label_scores, log_odds
from dermoscopy.metrics.weighted_classification import plain_name, tuned_name
from dermoscopy.predict.images import ImageBatch
from dermoscopy.predict.isic import write_submission
from dermoscopy.predict.network import TrainedNetwork
from dermoscopy.predict.postprocessing import HALF
from dermoscopy.predict.stores import read_store
from dermoscopy.runs.files import SCORES

LABELS, CLASS = "labels.csv", "predicted_class"
ENDINGS = ("", "_threshold", "_predicted")  # of the columns of a label
PRINTED = ("average_precision", "auroc", "accuracy", "balanced_accuracy", "ece")  # on one line


class LabelOdds(NamedTuple):
    """Predicted log-odds (N, L) of the labels of N images, and their ids."""

    ids: list[str]
    odds: Tensor


def predict_odds(trained: TrainedNetwork, batches: Iterable[ImageBatch]) -> LabelOdds:
    """Predict the labels of images, in their order; a network with a segmenter reads the masks that it predicts."""
    exclusive = trained.stage.exclusive
    parts = [(batch.ids, log_odds(trained.logits(batch.image, batch.frame), exclusive)) for batch in batches]
    return LabelOdds([id for ids, _ in parts for id in ids], torch.cat([values for _, values in parts]))


def label_table(trained: TrainedNetwork, predicted: LabelOdds) -> pd.DataFrame:
    """Return predicted labels with the columns of `labels.csv`.

    Returns:
        One row per image: `id`, and for each label its probability, `<label>_threshold`
        and `<label>_predicted`, 1 if its log-odds exceed the threshold of the run, else 0. Exclusive labels are
        thresholded separately as well; `predicted_class` is the likeliest of them.
    """
    stage, odds = trained.stage, predicted.odds
    columns: dict[str, object] = {"id": predicted.ids}
    for name, values, threshold in zip(stage.labels, odds.T, trained.thresholds, strict=True):
        columns |= {
            name: values.sigmoid().numpy(),
            f"{name}_threshold": threshold.sigmoid().expand_as(values).numpy(),
            f"{name}_predicted": (values > threshold).int().numpy(),
        }
    if stage.exclusive:
        columns[CLASS] = [stage.labels[index] for index in odds.argmax(1).tolist()]
    return pd.DataFrame(columns)


def check_columns(labels: Sequence[str], exclusive: bool) -> None:
    """Refuse labels whose names are equal in the columns of `labels.csv`.

    Raises:
        ValueError: two columns would have the same name.
    """
    columns = ["id", *(f"{name}{ending}" for name in labels for ending in ENDINGS), *([CLASS] if exclusive else [])]
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise ValueError(
            f"two columns of {LABELS} would be called {twice[0]}: the run has the labels {', '.join(labels)}; "
            "train one with other names of labels"
        )


def write_labels(predicted: pd.DataFrame, labels: Sequence[str], folder: Path) -> str:
    """Write `labels.csv`, whole or not at all; return words that describe its content."""
    write_atomically(folder / LABELS, predicted.to_csv(index=False))
    return f"{LABELS}: {len(predicted)} images, {len(labels)} labels"


def evaluate_labels(
    trained: TrainedNetwork, store: Store, rows: NDArray[np.integer], batch_size: int, folder: Path, submission: bool
) -> str:
    """Predict the labels of a store's images as for new images; write scores.csv and the files of a run's test.

    Columns of scores.csv: metric, label (empty for the mean over labels), value, threshold: the probability above
    which a label counted as predicted, `likeliest` for the most probable of exclusive labels, `each` for the mean over
    labels of which each has its own, empty where a metric needs none. `write_label_files` writes the other files,
    with `submission` `write_submission` one more.

    Returns:
        A line with the mean scores, and one on the submission.

    Raises:
        ValueError: the store lacks a label.
    """
    names, exclusive = trained.stage.labels, trained.stage.exclusive
    truth = torch.from_numpy(_truth(store, names, rows))
    logits = torch.cat([trained.logits(*part) for part in read_store(store, trained.stage, rows, batch_size)])
    scores = label_scores(logits, truth, names, exclusive, trained.thresholds, trained.stage.threshold_rule)
    condition = "none" if trained.segmenter is None else "predicted"
    images = {"id": store.ids[rows], "group": store.groups[rows], "mask_condition": condition}
    table = prediction_rows(images, names, truth, logits, trained.thresholds, exclusive)
    write_label_files(folder, table, names, exclusive, condition)
    tuned = dict(zip(names, trained.thresholds.sigmoid().tolist(), strict=True))
    rows_of_scores = [(*name.partition("/")[::2], value) for name, value in scores.items()]
    columns = pd.DataFrame(rows_of_scores, columns=["metric", "label", "value"])
    columns["threshold"] = [_threshold(metric, label, tuned, exclusive) for metric, label, _ in rows_of_scores]
    write_atomically(folder / SCORES, columns.to_csv(index=False))
    printed = *PRINTED, tuned_name("f1", trained.stage.threshold_rule)
    means = ", ".join(f"{name} {scores[name]:.3f}" for name in printed if name in scores)
    lines = [f"{SCORES}: {len(rows)} images, {means}"]
    if submission:
        lines.append(write_submission(store.ids[rows].tolist(), log_odds(logits, exclusive), names, exclusive, folder))
    return "\n".join(str(folder / line) for line in lines)


def _threshold(metric: str, label: str, tuned: Mapping[str, float], exclusive: bool) -> float | str:
    """Return what a row of scores.csv names as its threshold."""
    if plain_name(metric) != metric:
        return tuned.get(label, "each")
    if metric in RECORDED:
        return "likeliest" if exclusive else HALF
    return ""


def _truth(store: Store, names: tuple[str, ...], rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the true labels (n, L), NaN unknown."""
    for name in names:
        if name not in store.label_names:
            available = ", ".join(store.label_names) or "none"
            raise ValueError(
                f"{store.path} lacks the label {name}, which the run predicts; its labels: {available}"
                f"{nearest(name, store.label_names)}"
            )
    codes = store.label[rows][:, [store.label_names.index(name) for name in names]]
    return np.where(codes < 0, np.nan, codes).astype(np.float32)
