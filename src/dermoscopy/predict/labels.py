"""The labels of images, as probabilities: of a folder's, and of a store's beside the true ones."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import torch

from dermoscopy.machine.files import write_atomically
from dermoscopy.metrics.classification import log_odds
from dermoscopy.predict.images import ImageBatch
from dermoscopy.predict.network import TrainedNetwork

LABELS = "labels.csv"


def predict_labels(trained: TrainedNetwork, batches: Iterable[ImageBatch]) -> pd.DataFrame:
    """Predict the labels of images, with the masks that the segmenter finds where there is one.

    Returns:
        A row an image, in the order of the batches: ``id``, the probability of each label, and ``<label>_predicted``,
        whether its log-odds exceed the threshold of the run, 1 or 0; of exclusive labels each for itself.
    """
    stage = trained.stage
    parts = [(batch.ids, log_odds(trained.logits(batch.image, batch.frame), stage.exclusive)) for batch in batches]
    odds = torch.cat([values for _, values in parts])
    names = [*stage.labels, *(f"{name}_predicted" for name in stage.labels)]
    predicted = (odds > trained.thresholds).int()
    columns = dict(zip(names, (*odds.sigmoid().numpy().T, *predicted.numpy().T), strict=True))
    return pd.DataFrame({"id": [id for ids, _ in parts for id in ids]} | columns)


def write_labels(predicted: pd.DataFrame, folder: Path) -> str:
    """Write ``labels.csv``, whole or not at all; return a line that says what it holds."""
    path = folder / LABELS
    write_atomically(path, predicted.to_csv(index=False))
    return f"{path}: {len(predicted)} images, {predicted.shape[1] // 2} labels"  # two columns each, and id
