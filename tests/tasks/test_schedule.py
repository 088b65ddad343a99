"""Tests of schedules: any scheduler of torch, built with the length of the stage."""

from functools import partial

import pytest
import torch
from builders import CONF, composed
from hydra.utils import instantiate
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR, OneCycleLR, ReduceLROnPlateau

from dermoscopy.config.choices import groups
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


@pytest.mark.parametrize("name", groups(CONF)["scheduler"])
def test_every_schedule_of_the_configuration_steps_through_a_stage(optimizer, name):
    schedule = instantiate(composed("train", f"scheduler={name}", "optimizer.lr=0.1").scheduler)
    entry = schedule(optimizer, epochs=3, steps=12)
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(12 if entry["interval"] == "step" else 3):
        optimizer.step()
        entry["scheduler"].step(*([0.5] if "monitor" in entry else []))
        rates.append(optimizer.param_groups[0]["lr"])
    assert all(0 <= rate <= 0.1 + 1e-9 for rate in rates)
    if name in ("one_cycle", "cosine", "polynomial"):
        assert rates[-1] < 0.04 * max(rates)  # they end with the stage
    if name == "polynomial":
        assert rates[6] == pytest.approx(0.1 * 0.5**0.9)  # (1 - step / steps) ** power
    if name == "cyclic":
        assert rates[0] == pytest.approx(1e-5) and rates == sorted(rates)  # 200 steps up
    if name == "step":
        assert set(rates) == {0.1}  # falls after 30 epochs


@pytest.mark.parametrize(("warmup", "count"), [(0.0, 0), (0, 0), (0.25, 3), (5, 5), (20, 20), (0.01, 0)])
def test_a_warmup_is_a_share_of_the_steps_or_a_number_of_them(warmup, count):
    assert Schedule(MultiStepLR, warmup=warmup).warmup_steps(12) == count


@pytest.mark.parametrize(
    ("share", "epochs", "count"), [(0.1, 40, 4), (0.1, 10, 2), (0.3, 10, 3), (1, 10, 1), (7, 3, 7)]
)
def test_the_patience_of_a_plateau_is_a_share_of_the_epochs_or_a_number_of_them(optimizer, share, epochs, count):
    schedule = Schedule(ReduceLROnPlateau, "epoch", None, "val/f1", patience=share)
    assert schedule(optimizer, epochs=epochs, steps=100)["scheduler"].patience == count


@pytest.mark.parametrize(
    ("build", "values", "message"),
    [
        (OneCycleLR, {"warmup": 0.1}, "warmup .*one_cycle.*pct_start"),
        (partial(OneCycleLR, max_lr=1), {"warmup": 5}, "warmup .*one_cycle.*pct_start"),
        (CosineAnnealingLR, {"warmup": 1.5}, "warmup .*1.5"),
        (CosineAnnealingLR, {"warmup": -1}, "warmup .*-1"),
        (CosineAnnealingLR, {"patience": 3}, "patience .*plateau"),
        (ReduceLROnPlateau, {"patience": 2.5}, "patience .*2.5"),
        (ReduceLROnPlateau, {"patience": 0}, "^patience must be above 0, got 0: 1 "),
        (ReduceLROnPlateau, {"patience": 0.0}, "^patience must be above 0"),
        (ReduceLROnPlateau, {"patience": float("nan")}, "^patience .*nan"),
    ],
)
def test_counts_that_a_schedule_cannot_take_are_refused(build, values, message):
    with pytest.raises(ValueError, match=message):
        Schedule(build, "epoch", None, "val/f1" if build is ReduceLROnPlateau else None, **values)


@pytest.mark.parametrize("name", groups(CONF)["optimizer"])
def test_every_optimizer_of_the_configuration_lowers_a_loss(name):
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.full((4,), 2.0))
    optimizer = instantiate(composed("train", f"optimizer={name}", "optimizer.lr=0.01").optimizer)([weight])
    for _ in range(50):
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        optimizer.step()
    assert loss < 16 * 0.9
