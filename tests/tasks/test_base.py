"""Tests of the base of all tasks: means of loss terms, reproducible draws, the first step with a bad loss."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from parts import ONE_GROUP
from pytorch_lightning.trainer.states import TrainerFn
from torch import nn

from dermoscopy.machine.randomness import generator
from dermoscopy.tasks.base import Task


class Plain(Task):
    """A task that scores the mean of the outputs of its steps."""

    def scores(self, outputs):
        return {"mean": torch.cat([output for (output,) in outputs]).mean().item()}

    def metrics(self):
        return ["mean"]


@pytest.fixture
def task() -> Plain:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    return Plain(network, nn.MSELoss(), partial(torch.optim.SGD, lr=0.1), 7, None, (), {}, ONE_GROUP)


def test_a_loss_is_the_mean_over_images_regardless_of_batch_sizes(task):
    assert task.add({"a": torch.tensor(1.0), "b": torch.tensor(2.0)}, torch.tensor([0.0, 0.0, 0.0])) == 3
    assert task.add({"a": torch.tensor(5.0), "b": torch.tensor(0.0)}, torch.tensor([1.0])) == 5
    task._log("train")
    assert task.scored == {"train/loss": 3.5, "train/loss/a": 2.0, "train/loss/b": 1.5, "train/mean": 0.25}


def test_a_loss_of_one_term_is_not_logged_twice(task):
    task.add({"bce": torch.tensor(1.0)}, torch.zeros(2))
    task._log("train")
    assert set(task.scored) == {"train/loss", "train/mean"}


def test_added_terms_and_outputs_are_detached(task):
    value = torch.ones(2, requires_grad=True)
    total = task.add({"a": value.sum()}, value)
    assert total.requires_grad
    assert not any(kept.requires_grad for (kept,) in task._outputs)
    assert not any(term.requires_grad for term in task._terms.values())


def test_a_loss_without_names_is_refused(task):
    with pytest.raises(ValueError, match="by name.*Tensor"):
        task.add(torch.tensor(1.0), torch.zeros(2))


def test_draws_depend_on_the_seed_the_purpose_the_epoch_and_the_step(task):
    drawn = [torch.rand(3, generator=task.draw(*purpose)) for purpose in (("tta", 0), ("tta", 1), ("zeroing", 0))]
    assert torch.equal(drawn[0], torch.rand(3, generator=generator(7, "tta", 0, 0)))
    assert len({tuple(numbers.tolist()) for numbers in drawn}) == 3
    task.seed = 8
    assert not torch.equal(drawn[0], torch.rand(3, generator=task.draw("tta", 0)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_the_first_step_whose_loss_is_not_finite_is_remembered(task, bad):
    for step, loss in enumerate((1.0, 2.0)):
        task.watch(torch.tensor(loss), step)
    assert int(task._bad_step) == -1
    for step, loss in ((2, bad), (3, 1.0), (4, bad)):
        task.watch(torch.tensor(loss), step)
    assert int(task._bad_step) == 2


@pytest.mark.parametrize(
    ("losses", "lines"), [((1.0, 3e6, 0.5), 1), ((1.0, 9e5, 0.5), 0), ((0.0, 0.0), 0), ((-1.0, 2.0), 0)]
)
def test_a_loss_that_explodes_and_comes_back_is_said_once_per_epoch(task, capsys, losses, lines):
    task._trainer = SimpleNamespace(sanity_checking=False, state=SimpleNamespace(fn=TrainerFn.FITTING), current_epoch=4)
    task.add({"a": torch.tensor(1.0)}, torch.zeros(2))
    for step, loss in enumerate(losses):
        task.watch(torch.tensor(loss), step)
    task.on_validation_epoch_start()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines and all("3e+06 times" in line and "epoch 4" in line for line in printed)


def test_a_resumed_training_tells_what_the_interrupted_one_would_have_told(monkeypatch):
    def trained():
        task = Plain(nn.Linear(2, 1), nn.MSELoss(), partial(torch.optim.SGD, lr=0.1), 7, None, (), {}, ONE_GROUP)
        monkeypatch.setattr(task, "log_dict", lambda *_, **__: None)
        task.tell("said whenever a training begins")
        return task

    def epoch(task, number, loss, validation):
        trainer = SimpleNamespace(sanity_checking=False, state=SimpleNamespace(fn=TrainerFn.FITTING), callbacks=[])
        task._trainer = trainer
        trainer.current_epoch = number
        task.on_train_epoch_start()
        task.add({"a": torch.tensor(loss)}, torch.zeros(2))
        task.watch(torch.tensor(loss), 0)
        task.on_validation_epoch_start()
        task.add({"a": torch.tensor(validation)}, torch.zeros(2))
        task.on_validation_epoch_end()

    epochs = [(1.0, 1.0), (5e6, torch.nan), (2e6, torch.nan)]
    whole = trained()
    for number, losses in enumerate(epochs):
        epoch(whole, number, *losses)
    assert [line for line in whole.lines if "epoch 1" in line] and len(whole.lines) == 4
    for cut in range(1, 4):
        first, second = trained(), trained()
        for number in range(cut):
            epoch(first, number, *epochs[number])
        second.remember(first.remembered())
        for number in range(cut, 3):
            epoch(second, number, *epochs[number])
        assert second.lines == whole.lines


def test_a_validation_loss_that_is_not_finite_is_said_when_it_begins(task, capsys, monkeypatch):
    task._trainer = SimpleNamespace(callbacks=[], current_epoch=4)
    monkeypatch.setattr(task, "log_dict", lambda *_, **__: None)
    for loss in (1.0, torch.nan, torch.nan):
        task.add({"a": torch.tensor(loss)}, torch.zeros(2))
        task._log("val")
        task._forget()
    (line,) = capsys.readouterr().out.splitlines()
    assert "nan in epoch 4" in line


def test_dropout_of_a_repeated_step_is_the_same(task):
    masks = []
    for step in (0, 1, 0):
        task.on_train_batch_start({}, step)
        masks.append(nn.functional.dropout(torch.ones(50)))
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])


def test_frozen_parameters_do_not_train_and_their_statistics_stay_fixed():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    task = Plain(network, nn.MSELoss(), partial(torch.optim.SGD, lr=0.1), 0, None, ["0", "1"], {}, ONE_GROUP)
    assert [module.training for module in network] == [True, False, True]
    optimizer = task.configure_optimizers()
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == {
        id(p) for p in network[2].parameters()
    }
