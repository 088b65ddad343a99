"""Tests of schedules: any scheduler of torch, built with the length of the stage."""

from functools import partial

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR, OneCycleLR, ReduceLROnPlateau

from dermoscopy.tasks.schedule import Schedule


@pytest.fixture
def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def test_a_scheduler_gets_the_number_of_its_intervals(optimizer):
    cycle = Schedule(partial(OneCycleLR, max_lr=0.1), "step", "total_steps", None)(optimizer, epochs=3, steps=12)
    assert (cycle["interval"], cycle["scheduler"].total_steps) == ("step", 12)
    cosine = Schedule(CosineAnnealingLR, "epoch", "T_max", None)(optimizer, epochs=3, steps=12)
    assert (cosine["interval"], cosine["scheduler"].T_max) == ("epoch", 3)
    assert "monitor" not in cycle | cosine


def test_a_cosine_over_the_stage_follows_its_formula_to_0(optimizer):
    scheduler = Schedule(CosineAnnealingLR, "epoch", "T_max", None)(optimizer, epochs=4, steps=40)["scheduler"]
    rates = []
    for _ in range(4):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    expected = [0.05 * (1 + torch.tensor(torch.pi * epoch / 4).cos().item()) for epoch in range(1, 5)]
    assert rates == pytest.approx(expected, abs=1e-7)


def test_a_scheduler_without_a_length_argument_gets_none(optimizer):
    scheduler = Schedule(partial(MultiStepLR, milestones=[2]), "epoch", None, None)(optimizer, epochs=3, steps=12)[
        "scheduler"
    ]
    assert dict(scheduler.milestones) == {2: 1}


def test_a_plateau_scheduler_names_its_metric(optimizer):
    entry = Schedule(partial(ReduceLROnPlateau, mode="max"), "epoch", None, "val/f1")(optimizer, epochs=3, steps=12)
    assert (entry["monitor"], entry["interval"], entry["scheduler"].mode) == ("val/f1", "epoch", "max")
