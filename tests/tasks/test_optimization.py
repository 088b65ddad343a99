"""Tests of the optimization of a task: warm-up, rates of an epoch, clipping of gradients, in small trainings."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from label_tasks import make_task
from pytorch_lightning import Callback
from pytorch_lightning.plugins.precision import MixedPrecision
from trainers import quiet_trainer

from dermoscopy.tasks.parameter_groups import ParameterGroups
from dermoscopy.tasks.schedule import Schedule

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning", "ignore::UserWarning:torch")
STEPS = 6  # two epochs of three steps
CONSTANT = partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0)
SCHEDULES = {
    "step": (partial(torch.optim.lr_scheduler.MultiStepLR, milestones=[2, 4], gamma=0.5), "step", None),
    "epoch": (partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5), "epoch", None),
    "plateau": (partial(torch.optim.lr_scheduler.ReduceLROnPlateau, threshold=9), "epoch", "val/loss"),
    "constant": (CONSTANT, "epoch", None),
}


class Steps(Callback):
    """The rates and gradients with which the optimizer steps, and the rates in the scores of each epoch."""

    def __init__(self):
        self.rates, self.gradients, self.scored = [], [], []

    def on_train_start(self, trainer, task):
        (optimizer,) = trainer.optimizers
        step = optimizer.step

        def record(closure=None):
            result = step(closure)
            self.rates.append([group["lr"] for group in optimizer.param_groups])
            self.gradients.append([p.grad.clone() for p in task.parameters() if p.grad is not None])
            return result

        optimizer.step = record

    def on_train_epoch_end(self, trainer, task):
        self.scored.append({name: value for name, value in task.scored.items() if name.startswith("train/lr")})


@pytest.fixture
def fit(make_data):
    """A function that trains a small classifier; it returns the task and what its steps were."""

    def run(trainer=(), **rest):
        data = make_data(labels=("globules", "streaks"), masks=("globules", "streaks"), batch_size=21)
        task, steps = make_task(**rest), Steps()
        arguments = {"max_epochs": 2, "callbacks": [steps], "enable_checkpointing": False}
        quiet_trainer(**arguments | dict(trainer)).fit(task, datamodule=data)
        return task, steps

    return run


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rate_of_a_schedule_is_multiplied_by_a_rising_factor(fit, name):
    build, interval, monitor = SCHEDULES[name]
    rates = {}
    for warmup in (0, 4, 0.5):
        _, steps = fit(scheduler=Schedule(build, interval, None, monitor, warmup=warmup))
        rates[warmup] = [rate for (rate,) in steps.rates]
    assert len(rates[0]) == STEPS
    for warmup, factors in {4: [0.2, 0.4, 0.6, 0.8, 1, 1], 0.5: [0.25, 0.5, 0.75, 1, 1, 1]}.items():
        assert rates[warmup] == pytest.approx([f * rate for f, rate in zip(factors, rates[0], strict=True)], rel=1e-9)


def test_the_warmup_counts_steps_not_batches(fit):
    _, steps = fit({"accumulate_grad_batches": 3}, scheduler=Schedule(CONSTANT, warmup=3))
    assert [rate for (rate,) in steps.rates] == pytest.approx([0.1 / 4, 0.1 / 2])


def test_a_warmup_longer_than_the_stage_is_told(fit, capsys):
    fit(scheduler=Schedule(CONSTANT, warmup=6))
    assert "scheduler.warmup takes 6 steps" in capsys.readouterr().out


def test_the_rates_of_the_last_step_of_an_epoch_are_in_its_scores(fit):
    schedule, groups = Schedule(CONSTANT, warmup=5), ParameterGroups(10, 1, True)
    _, steps = fit(scheduler=schedule)
    assert steps.scored == [{"train/lr": pytest.approx(0.1 * 3 / 6)}, {"train/lr": pytest.approx(0.1)}]
    _, steps = fit(scheduler=schedule, parameter_groups=groups)
    assert steps.scored[1] == {"train/lr": pytest.approx(0.1), "train/lr_head": pytest.approx(1)}


def test_an_optimizer_that_finds_its_rate_has_none_in_the_scores(fit):
    class Own(torch.optim.SGD):
        def __init__(self, parameters):
            super().__init__(parameters, lr=0.1)
            self.param_groups[0]["lr"] = None

        def step(self, closure):
            return closure()

    assert fit(optimizer=Own)[1].scored == [{}, {}]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(("algorithm", "limit"), [("norm", 1e-3), ("value", 1e-4)])
def test_gradients_are_clipped_also_of_a_fused_optimizer(fit, precision, fused, algorithm, limit):
    clip = {"precision": precision, "gradient_clip_val": limit, "gradient_clip_algorithm": algorithm}
    _, steps = fit(clip, optimizer=partial(torch.optim.AdamW, lr=0.01, fused=fused))
    assert len(steps.gradients) == STEPS
    for gradients in steps.gradients:
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        size = flat.norm() if algorithm == "norm" else flat.abs().max()
        assert float(size) == pytest.approx(limit, rel=1e-3)


def test_gradients_below_the_limit_stay(fit):
    optimizer = partial(torch.optim.AdamW, lr=0.01)
    one, two = (fit(trainer, optimizer=optimizer)[0] for trainer in ({}, {"gradient_clip_val": 1e9}))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_scaled_for_fp16_are_clipped_in_their_true_size(algorithm):
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    task, weight = make_task(), torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0, fused=True)
    task._trainer = SimpleNamespace(precision_plugin=MixedPrecision("16-mixed", "cpu", scaler))
    scaler.scale((3 * weight).sum()).backward()
    task.configure_gradient_clipping(optimizer, 0.5, algorithm)
    scaler.step(optimizer)
    assert weight.item() == pytest.approx(-0.5, rel=1e-5)
