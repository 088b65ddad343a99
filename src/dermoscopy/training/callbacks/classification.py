"""Files of a classifier's test."""

from pathlib import Path

import pandas as pd
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from dermoscopy.evaluation.classification import prediction_rows, with_earlier, write_label_files
from dermoscopy.masks.predicted import MASKS, write_masks
from dermoscopy.runs.files import PREDICTIONS
from dermoscopy.tasks.classification import LabelTask


class Predictions(Callback):
    """Writer of predictions.csv, one row per test image, mask condition and label, and of tables and pictures of it.

    Columns: id, group, mask_condition, label, truth (0, 1, empty unknown), logit, threshold (the logit above which the
    label counts as predicted), for exclusive labels also predicted_class. Mask conditions that were tested before and
    are not tested now keep their rows. The other files: confusion.csv, confusion.png and reliability.png, see
    `dermoscopy.evaluation.classification`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, LabelTask)
        data = pl_module.data
        names, exclusive = data.label_names, pl_module.exclusive_labels
        tables = []
        for condition, outputs in pl_module.tested.items():
            logits, label, index = (torch.cat(parts).cpu() for parts in zip(*outputs, strict=True))
            images = {"id": data.store.ids[index], "group": data.store.groups[index], "mask_condition": condition}
            tables.append(prediction_rows(images, names, label, logits, pl_module.thresholds, exclusive))
        if pl_module.predicted is not None:
            write_masks(self.folder / MASKS, pl_module.predicted)
        table = with_earlier(self.folder / PREDICTIONS, pd.concat(tables))
        write_label_files(self.folder, table, names, exclusive, condition=pl_module.picture_condition)
