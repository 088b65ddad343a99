"""Tests of the history of a stage: one row per epoch and mode, also after a resumed training."""

from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from parts import ONE_GROUP
from torch import nn

from dermoscopy.runs.history import read_history
from dermoscopy.tasks.base import Task
from dermoscopy.training.callbacks.history import History


class FakeLogger:
    """A logger that records the metrics sent to it."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.sent.append((step, metrics))


@pytest.fixture
def train(tmp_path):
    """A function that runs a new callback over some epochs, as Lightning does, and returns the metrics it logged."""

    def run(epochs: range, offset: int = 10) -> list[tuple[int, dict[str, float]]]:
        history, logger = History(tmp_path, "masks", offset, ["train/loss", "val/f1"]), FakeLogger()
        history.loggers = [logger]
        optimizer = partial(torch.optim.SGD, lr=0.1)
        rest = {"seed": 0, "scheduler": None, "freeze": [], "metrics": {}, "parameter_groups": ONE_GROUP}
        task = Task(nn.Linear(1, 1), nn.Identity(), optimizer, **rest)
        for epoch in epochs:
            trainer = SimpleNamespace(current_epoch=epoch, max_epochs=4)
            task.scored = {"train/loss": 1 / (epoch + 1), "val/f1": epoch / 4, "test/f1": 9.0}
            history.on_train_epoch_start(trainer, task)
            history.on_train_epoch_end(trainer, task)
        return logger.sent

    return run


def test_every_epoch_has_one_row_of_training_and_one_of_validation(train, tmp_path):
    train(range(2))
    table = pd.read_csv(tmp_path / "history.csv")
    assert table.columns.tolist() == ["stage", "epoch", "mode", "seconds", "loss", "f1"]
    assert table[["stage", "epoch", "mode"]].to_numpy().tolist() == [
        ["masks", 0, "train"],
        ["masks", 0, "val"],
        ["masks", 1, "train"],
        ["masks", 1, "val"],
    ]
    assert table["loss"].dropna().tolist() == [1.0, 0.5]
    assert table["f1"].dropna().tolist() == [0.0, 0.25]


def test_each_epoch_is_logged_once_and_counted_over_all_stages(train):
    sent = train(range(2))
    assert [step for step, _ in sent] == [10, 11]
    assert sent[1][1] | {"train/seconds": 0, "val/seconds": 0} == {
        "train/loss": 0.5,
        "val/f1": 0.25,
        "train/seconds": 0,
        "val/seconds": 0,
    }


def test_a_resumed_stage_keeps_earlier_epochs_and_replaces_repeated_ones(train, tmp_path):
    train(range(3))
    sent = train(range(2, 4))  # epoch 2 was interrupted after it had been logged
    assert [(row["epoch"], row["mode"]) for row in read_history(tmp_path)] == [
        (epoch, mode) for epoch in range(4) for mode in ("train", "val")
    ]
    assert [step for step, _ in sent] == [10, 11, 12, 13]


def test_the_console_shows_the_configured_columns(train, capsys):
    train(range(1))
    head, row = capsys.readouterr().err.splitlines()
    assert head.split() == ["stage", "epoch", "train/loss", "val/f1", "seconds"]
    assert row.split()[:4] == ["masks", "1/4", "1.0000", "0.0000"]
