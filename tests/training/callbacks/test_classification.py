"""Tests of the files of a classifier's test."""

from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from builders import random_masks
from parts import LABEL_TASK, make_label_loss, make_zeroing
from torch import nn

from dermoscopy.masks.predicted import read_masks
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.training.callbacks.classification import Predictions


@pytest.mark.parametrize("exclusive", [False, True])
def test_predictions_have_the_logits_of_each_image_and_the_thresholds_of_the_run(make_data, tmp_path, exclusive):
    data = make_data()
    data.setup("test")
    rows = data.rows("test")
    label = data.labels_of("test")
    logits = {name: torch.randn(label.shape, generator=torch.Generator().manual_seed(k)) for k, name in enumerate("ab")}
    halves = (slice(0, 7), slice(7, None))  # batches
    task = ClassificationTask(
        zeroing=make_zeroing(0),
        network=nn.Linear(1, 1),
        loss=make_label_loss(data.label_names),
        labels=data.label_names,
        mask_conditions=["none"],
        optimizer=partial(torch.optim.SGD, lr=0.1),
        seed=0,
        **LABEL_TASK | {"exclusive_labels": exclusive},
    )
    task.tested = {
        name: [(values[part], label[part], rows[part]) for part in halves] for name, values in logits.items()
    }
    task.thresholds.copy_(torch.linspace(-1, 1, label.shape[1]))
    task.trainer = SimpleNamespace(datamodule=data)
    Predictions(tmp_path).on_test_end(task.trainer, task)
    assert not (tmp_path / "masks.h5").exists()  # it predicts none
    task.predicted = random_masks(data.store, [3, 7])
    Predictions(tmp_path).on_test_end(task.trainer, task)
    assert read_masks(tmp_path / "masks.h5").ids.tolist() == data.store.ids[[3, 7]].tolist()
    table = pd.read_csv(tmp_path / "predictions.csv")
    columns = ["id", "group", "mask_condition", "label", "truth", "logit", "threshold"]
    assert list(table) == columns + ["predicted_class"] * exclusive
    assert len(table) == 2 * label.numel()
    for k, name in enumerate(data.label_names):
        of_label = table[(table["label"] == name) & (table["mask_condition"] == "b")].set_index("id")
        of_label = of_label.loc[data.store.ids[rows]]
        assert (of_label["group"] == data.store.groups[rows]).all()
        assert of_label["threshold"].unique() == pytest.approx([task.thresholds[k].item()])
        if not exclusive:
            assert of_label["logit"].tolist() == pytest.approx(logits["b"][:, k].tolist())
            assert of_label["truth"].tolist() == label[:, k].tolist()
    assert set(pd.read_csv(tmp_path / "confusion.csv")["mask_condition"]) == {"a", "b"}
    assert (tmp_path / "confusion.png").is_file() and (tmp_path / "reliability.png").is_file()
