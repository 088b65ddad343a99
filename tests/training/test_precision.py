"""Tests of the choice between bf16 and fp32: what is measured, what is chosen, and that nothing else changes."""

import random

import pytest
import torch
from parts import ONE_GROUP
from torch import nn

from dermoscopy.machine import hardware
from dermoscopy.runs.precision import BF16, FP32, TrialFailed
from dermoscopy.tasks.base import Task
from dermoscopy.training import precision
from dermoscopy.training.precision import choose, measure, random_batch

SHAPE = (6, 8, 10)


class Loss(nn.Module):
    """A loss that notes the labels that it is given for its class weights."""

    learned = None

    def fit_class_weights(self, label):
        self.learned = label

    def forward(self, logits, label):
        return {"mine": (logits.float().mean(dim=(2, 3)) - label).square().mean()}


class Pixelwise(Task):
    """A task that notes the number of images and the number format of each step."""

    def __init__(self, fails=False):
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.Conv2d(4, 2, 1))
        super().__init__(network, Loss(), torch.optim.SGD, 0, None, [], {}, ONE_GROUP)
        self.fails, self.steps = fails, []

    def training_loss(self, batch, batch_idx):
        if self.fails:
            raise RuntimeError("no trainer")
        logits = self.network(batch["image"])
        self.steps.append((len(logits), logits.dtype))
        return self.add(self.loss(logits, batch["label"]), logits)


@pytest.fixture(autouse=True)
def cpu_with_bf16(monkeypatch):
    """A CPU with bf16 arithmetic, whatever this one is."""
    monkeypatch.setattr(hardware, "has_bf16", lambda *_: True)


@pytest.mark.parametrize(
    ("fp32", "bf16", "chosen"), [(1.11, 1.0, BF16), (1.09, 1.0, FP32), (1.0, 1.0, FP32), (1.0, 2.0, FP32)]
)
def test_bf16_is_chosen_where_it_is_a_tenth_faster(monkeypatch, fp32, bf16, chosen):
    monkeypatch.setattr(precision, "measure", lambda *_: {FP32: fp32, BF16: bf16})
    decision = choose(Pixelwise, SHAPE, 2, 1, "cpu")
    assert decision["precision"] == chosen and decision["seconds"] == {FP32: fp32, BF16: bf16}
    assert decision["threads"] == torch.get_num_threads() and decision["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("bf16", "device", "chosen"), [(False, "cpu", FP32), (True, "cuda", BF16), (False, "mps", FP32)]
)
def test_a_gpu_and_a_cpu_without_bf16_are_not_measured(monkeypatch, bf16, device, chosen):
    monkeypatch.setattr(hardware, "has_bf16", lambda *_: bf16)
    monkeypatch.setattr(hardware, "device_type", lambda *_: device)
    monkeypatch.setattr(hardware, "describe", lambda *_: device)
    decision = choose(lambda: pytest.fail("builds the task"), SHAPE, 2, 1, "auto")
    assert decision["precision"] == chosen and "seconds" not in decision


def test_a_measurement_changes_no_random_state():
    states = torch.get_rng_state(), random.getstate()
    choose(Pixelwise, SHAPE, 2, 1, "cpu")
    assert torch.equal(states[0], torch.get_rng_state()) and states[1] == random.getstate()


def test_steps_take_turns_and_the_loss_learns_its_weights(monkeypatch):
    monkeypatch.setattr(precision, "SECONDS", 0)
    task = Pixelwise()
    seconds = measure(task, 6, lambda images: random_batch(images, 8, 10, 2, 1))
    dtypes = [dtype for _, dtype in task.steps]
    assert dtypes == [torch.float32] * 2 + [torch.float32, torch.bfloat16] * (precision.LEAST + 1)
    assert set(seconds) == {FP32, BF16} and all(value >= 0 for value in seconds.values())
    assert task.loss.learned.sum(0).tolist() == [1, 1]


@pytest.mark.parametrize(("took", "images"), [(0.01, 32), (0.1, 16), (5.0, 4)])
def test_slow_networks_are_measured_with_fewer_images(monkeypatch, took, images):
    counted = []

    def seconds(task, optimizer, batch, name):
        counted.append(len(batch["image"]))
        return took

    monkeypatch.setattr(precision, "_seconds", seconds)
    monkeypatch.setattr(precision, "SECONDS", 0)
    assert measure(Pixelwise(), 32, lambda count: random_batch(count, 8, 8, 2, 1)) == {FP32: took, BF16: took}
    assert counted[:2] == [4, 4] and set(counted[2:]) == {images}


def test_a_step_that_fails_is_reported_by_its_reason():
    with pytest.raises(TrialFailed, match="no trainer"):
        choose(lambda: Pixelwise(fails=True), SHAPE, 2, 1, "cpu")


@pytest.mark.parametrize("labels", [0, 1, 2, 5])
def test_a_random_batch_has_every_label_and_no_label_everywhere(labels):
    batch = random_batch(6, 8, 10, labels, 3)
    assert batch["image"].shape == (6, 3, 8, 10) and batch["mask"].shape == (6, 3, 8, 10)
    assert batch["label"].shape == (6, labels) and (batch["label"].sum(1) <= 1).all()
    assert all(0 < count < 6 for count in batch["label"].sum(0))
    assert ((batch["mask"] > 0).sum(1) == 1).all() and random_batch(2, 8, 10, 1, 0)["mask"].shape == (2, 0, 8, 10)
