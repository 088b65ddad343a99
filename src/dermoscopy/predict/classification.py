"""Predicted labels of the images of a folder, and of those of a store, scored against the true labels."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from dermoscopy.data.store.reader import Store
from dermoscopy.evaluation.classification import prediction_rows, write_label_files
from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.messages import nearest
from dermoscopy.metrics.classification import label_scores, log_odds
from dermoscopy.predict.images import ImageBatch
from dermoscopy.predict.network import TrainedNetwork
from dermoscopy.predict.stores import read_store
from dermoscopy.runs.files import SCORES

LABELS = "labels.csv"
PRINTED = ("accuracy", "f1", "average_precision", "auroc", "tuned_balanced_accuracy", "ece", "top1")  # on one line


def predict_labels(trained: TrainedNetwork, batches: Iterable[ImageBatch]) -> pd.DataFrame:
    """Predict the labels of images; a network with a segmenter reads the masks that it predicts.

    Returns:
        One row per image, in the order of the batches: `id`, the probability of each label, and `<label>_predicted`,
        1 if its log-odds exceed the threshold of the run, else 0; exclusive labels are thresholded separately as well.
    """
    stage = trained.stage
    parts = [(batch.ids, log_odds(trained.logits(batch.image, batch.frame), stage.exclusive)) for batch in batches]
    odds = torch.cat([values for _, values in parts])
    names = [*stage.labels, *(f"{name}_predicted" for name in stage.labels)]
    predicted = (odds > trained.thresholds).int()
    columns = dict(zip(names, (*odds.sigmoid().numpy().T, *predicted.numpy().T), strict=True))
    return pd.DataFrame({"id": [id for ids, _ in parts for id in ids]} | columns)


def write_labels(predicted: pd.DataFrame, folder: Path) -> str:
    """Write `labels.csv`, whole or not at all; return a line that describes its content."""
    path = folder / LABELS
    write_atomically(path, predicted.to_csv(index=False))
    return f"{path}: {len(predicted)} images, {predicted.shape[1] // 2} labels"  # two columns per label, and id


def evaluate_labels(
    trained: TrainedNetwork, store: Store, rows: NDArray[np.integer], batch_size: int, folder: Path
) -> str:
    """Predict the labels of a store's images as for new images; write scores.csv and the files of a run's test.

    Columns of scores.csv: metric, label (empty for the mean over labels), value. `write_label_files` writes the
    other files.

    Returns:
        A line with the mean scores.

    Raises:
        ValueError: the store lacks a label.
    """
    names, exclusive = trained.stage.labels, trained.stage.exclusive
    truth = torch.from_numpy(_truth(store, names, rows))
    logits = torch.cat([trained.logits(*part) for part in read_store(store, trained.stage, rows, batch_size)])
    scores = label_scores(logits, truth, names, exclusive, trained.thresholds)
    condition = "none" if trained.segmenter is None else "predicted"
    images = {"id": store.ids[rows], "group": store.groups[rows], "mask_condition": condition}
    table = prediction_rows(images, names, truth, logits, trained.thresholds, exclusive)
    write_label_files(folder, table, names, exclusive, condition)
    rows_of_scores = [(*name.partition("/")[::2], value) for name, value in scores.items()]
    columns = pd.DataFrame(rows_of_scores, columns=["metric", "label", "value"])
    write_atomically(folder / SCORES, columns.to_csv(index=False))
    means = ", ".join(f"{name} {scores[name]:.3f}" for name in PRINTED if name in scores)
    return f"{folder / SCORES}: {len(rows)} images, {means}"


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
