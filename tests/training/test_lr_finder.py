"""Tests of the learning-rate finder: it trains like a stage, changes nothing, and its suggestion is robust."""

import copy
import random
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from parts import LABEL_TASK, make_zeroing
from pytorch_lightning import Callback
from torch import nn
from trainers import quiet_trainer

from dermoscopy.plots.curves import draw_lr_curve
from dermoscopy.runs.stage import LrRange
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.tasks.schedule import Schedule
from dermoscopy.training.lr_finder import (
    CHART,
    TABLE,
    diverged,
    find_learning_rate,
    read_suggestion,
    smooth,
    suggest,
    sweep,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
LABELS = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")
RATES = np.geomspace(1e-6, 1, 100)
TRAINER = quiet_trainer
ONE_CYCLE = Schedule(partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=1.0), "step", "total_steps")


class TinyNetwork(nn.Module):
    """A network with all that a sweep could change: weights, statistics of a BatchNorm, draws of a dropout."""

    def __init__(self):
        super().__init__()
        features = (nn.Conv2d(3, 8, 3, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.layers = nn.Sequential(*features, nn.Dropout(0.2), nn.Linear(8, len(LABELS)))
        nn.init.constant_(self.layers[-1].bias, 3.0)  # far from the optimum

    def forward(self, image, mask):
        return self.layers(image)


class SquaredError(nn.Module):
    """A loss without an upper bound."""

    def forward(self, logits, label):
        return {"squared_error": (logits - label).square().nan_to_num().mean()}


class RecordingSGD(torch.optim.SGD):
    """An optimizer that records the settings of each step."""

    settings: list[dict]

    def step(self, closure=None):
        loss = super().step(closure)
        type(self).settings.append({k: self.param_groups[0][k] for k in ("lr", "momentum", "weight_decay")})
        return loss


class Losses(Callback):
    """A callback that records the loss of each batch."""

    def __init__(self):
        self.losses = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(outputs["loss"].item())


@pytest.fixture
def make_task():
    def build(optimizer=None, scheduler=None):
        torch.manual_seed(3)
        optimizer = optimizer or partial(torch.optim.SGD, lr="auto", momentum=0.9)
        return ClassificationTask(
            network=TinyNetwork(),
            loss=SquaredError(),
            zeroing=make_zeroing(1.0, 4),
            labels=LABELS,
            mask_conditions=("none",),
            optimizer=optimizer,
            seed=7,
            **LABEL_TASK | {"scheduler": scheduler},
        )

    return build


@pytest.fixture
def data(make_data):
    return make_data(batch_size=24)  # three steps per epoch


def curve(depth=0.5, noise=0.0, centre=-3.0, seed=0):
    """Return the table of a loss that falls around 10^centre and diverges above 0.1."""
    exponents = np.log10(RATES)
    loss = 1 - depth / (1 + np.exp(-(exponents - centre) / 0.3)) + np.exp((exponents + 0.8) / 0.15)
    loss = loss + noise * np.random.default_rng(seed).normal(size=len(RATES))
    return pd.DataFrame({"lr": RATES, "loss": loss, "smoothed": smooth(list(loss))})


def test_each_step_uses_the_next_rate_and_the_other_settings_of_the_stage(make_task, data):
    RecordingSGD.settings = []
    task = make_task(partial(RecordingSGD, lr="auto", momentum=0.9, weight_decay=0.1), ONE_CYCLE)
    table = sweep(task, data, TRAINER, np.geomspace(1e-6, 1e-2, 13))  # of several epochs
    rates = [step["lr"] for step in RecordingSGD.settings]
    assert rates == pytest.approx([1e-6 * 1e4 ** (step / 12) for step in range(13)])
    assert all((step["momentum"], step["weight_decay"]) == (0.9, 0.1) for step in RecordingSGD.settings)
    assert table["lr"].tolist() == rates
    assert table["step"].tolist() == list(range(len(rates)))


def test_a_sweep_at_a_constant_rate_equals_the_training_of_the_stage(make_task, data):
    table = sweep(make_task(), data, TRAINER, np.full(6, 0.01))
    recorder, task = Losses(), make_task(partial(torch.optim.SGD, lr=0.01, momentum=0.9))
    TRAINER(max_epochs=2, callbacks=[recorder], enable_checkpointing=False).fit(task, datamodule=data)
    assert table["loss"].tolist() == recorder.losses


def test_a_step_that_accumulates_gradients_has_the_mean_loss_of_its_batches(make_task, data):
    still = np.full(6, 1e-30)  # the weights do not change
    one = sweep(make_task(), data, TRAINER, still)["loss"]
    two = sweep(make_task(), data, partial(TRAINER, accumulate_grad_batches=2), still[:4])["loss"]
    assert two.tolist() == pytest.approx([(one[0] + one[1]) / 2, one[2], (one[3] + one[4]) / 2, one[5]])


def test_a_sweep_does_not_change_task_data_or_random_state(make_task, data, tmp_path):
    task = make_task(scheduler=ONE_CYCLE)
    attributes, weights = dict(vars(task)), copy.deepcopy(task.state_dict())
    states = torch.get_rng_state(), random.getstate()
    find_learning_rate(task, data, TRAINER, tmp_path, LrRange(1e-5, 1, 40))
    assert all(torch.equal(weights[name], value) for name, value in task.state_dict().items())
    assert vars(task) == attributes
    assert task.training
    assert all(p.grad is None for p in task.parameters())
    assert data.trainer is None
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]


def test_a_sweep_is_reproducible_and_its_table_gives_the_same_suggestion(make_task, make_data, tmp_path):
    suggestions = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        assert read_suggestion(folder) is None
        suggestions.append(find_learning_rate(make_task(), make_data(), TRAINER, folder, LrRange(1e-5, 1, 40)))
        assert read_suggestion(folder) == suggestions[-1]
        assert sorted(path.name for path in folder.iterdir()) == [TABLE, CHART]
        torch.rand(1)
    assert suggestions[0] == suggestions[1]
    assert 1e-4 < suggestions[0] < 1
    assert len({(tmp_path / name / TABLE).read_bytes() for name in ("first", "second")}) == 1


def test_a_sweep_stops_when_the_loss_diverges(make_task, data):
    table = sweep(make_task(), data, TRAINER, np.geomspace(1e-3, 1e9, 60))
    assert 1 < len(table) < 60
    limit = 4 * table["smoothed"].min()
    assert not table["smoothed"].iloc[-1] <= limit
    assert (table["smoothed"].iloc[:-1] <= limit).all()


def test_the_smoothed_loss_is_a_bias_corrected_moving_average():
    assert smooth([1.0, 2.0]).tolist() == pytest.approx([1.0, (0.9 * 1 + 2) / 1.9])
    losses, average, expected = list(np.random.default_rng(0).normal(size=50)), 0.0, []
    for step, loss in enumerate(losses, 1):
        average = 0.9 * average + 0.1 * loss
        expected.append(average / (1 - 0.9**step))
    assert smooth(losses).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("last", [float("nan"), float("inf"), 70.0])
def test_a_loss_that_is_not_finite_or_four_times_the_best_has_diverged(last):
    assert not diverged([1.0] * 20)
    assert not diverged([1.0] * 20 + [3.9])
    assert diverged([1.0] * 20 + [last])
    assert not diverged([-1.0] * 20)  # four times a negative loss would be lower


@pytest.mark.parametrize("centre", [-4.0, -3.0, -2.0])
def test_the_suggestion_is_where_the_loss_falls_also_with_noise(centre):
    exact = suggest(curve(centre=centre))
    assert 1 <= exact / 10**centre < 4  # the moving average lags
    noisy = [suggest(curve(noise=0.05, centre=centre, seed=seed)) for seed in range(10)]
    assert np.abs(np.log10(noisy) - np.log10(exact)).max() < 0.3


def test_a_last_loss_that_is_not_finite_does_not_change_the_suggestion():
    table = curve()
    table.loc[99, ["loss", "smoothed"]] = float("nan")
    assert suggest(table) == suggest(curve())


@pytest.mark.parametrize("seed", range(5))
def test_a_curve_that_does_not_fall_has_no_suggestion(seed):
    with pytest.raises(ValueError, match="falls no further than noise"):
        suggest(curve(depth=0, noise=0.1, seed=seed))


def test_a_sweep_that_ends_too_early_is_refused_each_time_and_drawn(make_task, data, tmp_path):
    with pytest.raises(ValueError, match="raise lr_finder.steps"):
        find_learning_rate(make_task(), data, TRAINER, tmp_path, LrRange(1e6, 1e9, 100))
    assert (tmp_path / CHART).is_file()
    with pytest.raises(ValueError, match="lower lr_finder.start"):
        read_suggestion(tmp_path)


@pytest.mark.parametrize(
    ("start", "end", "steps", "key"),
    [(0, 1, 100, "start"), (1, 0.1, 100, "start"), (-1, 1, 100, "start"), (1e-6, 1, 5, "steps")],
)
def test_an_impossible_range_is_refused_before_anything_is_trained(start, end, steps, key, tmp_path):
    with pytest.raises(ValueError, match=f"lr_finder.{key} must"):
        find_learning_rate(None, None, None, tmp_path, LrRange(start, end, steps))


def test_the_chart_marks_the_suggestion_and_omits_losses_that_are_not_finite():
    table = curve()
    table.loc[99, ["loss", "smoothed"]] = float("inf")
    marked, plain = (draw_lr_curve(table, suggestion).axes[0] for suggestion in (0.002, None))
    assert list(marked.lines[-1].get_xdata()) == [0.002, 0.002]
    assert len(marked.lines) == len(plain.lines) + 1
    assert marked.get_xscale() == "log"
    assert all(np.isfinite(line.get_ydata()).all() for line in plain.lines)


@pytest.mark.parametrize("losses", [[float("nan")], [1.0, float("nan")], [1.0, 9.0]])
def test_a_sweep_that_ends_immediately_is_still_drawn(losses):
    table = pd.DataFrame({"lr": RATES[: len(losses)], "loss": losses, "smoothed": smooth(losses)})
    figure = draw_lr_curve(table, None)
    figure.canvas.draw()
    assert len(figure.axes[0].lines[0].get_xdata()) == np.isfinite(losses).sum()
