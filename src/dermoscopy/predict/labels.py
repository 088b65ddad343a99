"""The labels of images, as probabilities: of a folder's, and of a store's beside the true ones."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from dermoscopy.data.store import Store
from dermoscopy.files import write_atomically
from dermoscopy.metrics.labels import multilabel_scores
from dermoscopy.predict.network import TrainedNetwork
from dermoscopy.predict.reading import ImageBatch
from dermoscopy.predict.store import read_store
from dermoscopy.suggest import nearest

LABELS, PREDICTIONS, SCORES = "labels.csv", "predictions.csv", "scores.csv"
GIVEN = "none"  # the masks that the network is given


def predict_labels(trained: TrainedNetwork, batches: Iterable[ImageBatch]) -> pd.DataFrame:
    """Predict the labels of images without any masks.

    Returns:
        ``id`` and the probability of each label, a row an image, in the order of the batches.
    """
    parts = [(batch.ids, trained.logits(batch.image, batch.frame).sigmoid().numpy()) for batch in batches]
    columns = pd.DataFrame(np.concatenate([values for _, values in parts]), columns=list(trained.stage.labels))
    return pd.concat([pd.Series([id for ids, _ in parts for id in ids], name="id"), columns], axis=1)


def write_labels(predicted: pd.DataFrame, folder: Path) -> str:
    """Write ``labels.csv``, whole or not at all; return a line that says what it holds.

    Columns: id, then one a label with its probability, the sigmoid of the network's logit.
    """
    path = folder / LABELS
    write_atomically(path, predicted.to_csv(index=False))
    return f"{path}: {len(predicted)} images, {predicted.shape[1] - 1} labels"


def evaluate_labels(
    trained: TrainedNetwork, store: Store, rows: NDArray[np.integer], batch_size: int, folder: Path
) -> str:
    """Score the labels of a store's images, predicted without masks, into predictions.csv and scores.csv.

    Columns of predictions.csv: id, group, availability (of masks: none), label, truth (0, 1, empty unknown), logit; of
    scores.csv: metric, label (empty for the mean over labels), value.

    Returns:
        A line that says how good they are.

    Raises:
        ValueError: the store lacks a label.
    """
    names = trained.stage.labels
    truth = _truth(store, names, rows)
    logits = torch.cat([trained.logits(*part) for part in read_store(store, trained.stage, rows, batch_size)])
    scores = multilabel_scores(logits, torch.from_numpy(truth), names)
    images = {"id": store.ids[rows], "group": store.groups[rows], "availability": GIVEN}
    values = zip(names, truth.T, logits.numpy().T, strict=True)
    table = pd.concat([pd.DataFrame(images | {"label": a, "truth": t, "logit": logit}) for a, t, logit in values])
    write_atomically(folder / PREDICTIONS, table.sort_values(["label", "id"]).to_csv(index=False))
    rows_of_scores = [(*name.partition("/")[::2], value) for name, value in scores.items()]
    columns = pd.DataFrame(rows_of_scores, columns=["metric", "label", "value"])
    write_atomically(folder / SCORES, columns.to_csv(index=False))
    means = ", ".join(f"{name} {value:.3f}" for name, value in scores.items() if "/" not in name)
    return f"{folder / SCORES}: {len(rows)} images, {means}"


def _truth(store: Store, names: tuple[str, ...], rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Labels (n, L), NaN unknown."""
    for name in names:
        if name not in store.label_names:
            there = ", ".join(store.label_names) or "none"
            raise ValueError(
                f"{store.path} lacks the label {name}, which the run predicts; its labels: {there}"
                f"{nearest(name, store.label_names)}"
            )
    codes = store.label[rows][:, [store.label_names.index(name) for name in names]]
    return np.where(codes < 0, np.nan, codes).astype(np.float32)
