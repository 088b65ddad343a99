"""The history of a stage: a row an epoch and mode, also of one that was resumed."""

from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn

from dermoscopy.runs.history import read_history
from dermoscopy.tasks.base import Task
from dermoscopy.training.callbacks.history import History


class FakeLogger:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.told.append((step, metrics))


@pytest.fixture
def train(tmp_path):
    """Tells a fresh callback of some epochs, as Lightning does; returns what its logger was told."""

    def run(epochs: range, offset: int = 10) -> list[tuple[int, dict[str, float]]]:
        history, logger = History(tmp_path, "masks", offset, ["train/loss", "val/f1"]), FakeLogger()
        history.loggers = [logger]
        optimizer = partial(torch.optim.SGD, lr=0.1)
        task = Task(nn.Linear(1, 1), nn.Identity(), optimizer, seed=0, scheduler=None, freeze=[], metrics={})
        for epoch in epochs:
            trainer = SimpleNamespace(current_epoch=epoch, max_epochs=4)
            task.scored = {"train/loss": 1 / (epoch + 1), "val/f1": epoch / 4, "test/f1": 9.0}
            history.on_train_epoch_start(trainer, task)
            history.on_train_epoch_end(trainer, task)
        return logger.told

    return run


def test_every_epoch_leaves_a_row_of_training_and_one_of_validation(train, tmp_path):
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


def test_the_loggers_are_told_each_epoch_once_counted_over_all_stages(train):
    told = train(range(2))
    assert [step for step, _ in told] == [10, 11]
    assert told[1][1] | {"train/seconds": 0, "val/seconds": 0} == {
        "train/loss": 0.5,
        "val/f1": 0.25,
        "train/seconds": 0,
        "val/seconds": 0,
    }


def test_a_resumed_stage_keeps_the_epochs_before_and_forgets_those_that_come_again(train, tmp_path):
    train(range(3))
    told = train(range(2, 4))  # epoch 2 was cut off after it had been told
    assert [(row["epoch"], row["mode"]) for row in read_history(tmp_path)] == [
        (epoch, mode) for epoch in range(4) for mode in ("train", "val")
    ]
    assert [step for step, _ in told] == [10, 11, 12, 13]


def test_the_console_shows_the_chosen_columns(train, capsys):
    train(range(1))
    head, row = capsys.readouterr().err.splitlines()
    assert head.split() == ["stage", "epoch", "train/loss", "val/f1", "seconds"]
    assert row.split()[:4] == ["masks", "1/4", "1.0000", "0.0000"]
