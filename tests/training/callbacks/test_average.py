"""Tests of the average of weights: its values, what is validated and saved, and a training that was interrupted."""

import copy
from functools import partial

import pytest
import torch
from parts import LABEL_TASK, make_classifier, make_label_loss, make_zeroing
from power_cut import Cut, PowerCut
from pytorch_lightning import Callback
from trainers import quiet_trainer

from dermoscopy.runs.checkpoints import weights
from dermoscopy.runs.files import BEST, LAST
from dermoscopy.runs.history import read_history
from dermoscopy.runs.stage import Stage
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.tasks.schedule import Schedule
from dermoscopy.training.callbacks.average import WeightAverage
from dermoscopy.training.callbacks.choice import BestCheckpoint
from dermoscopy.training.callbacks.history import History
from dermoscopy.training.resume import LastCheckpoint
from dermoscopy.training.stages import Parts, run_stages

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning", "ignore::UserWarning:torch")
LABELS = ("globules", "streaks")


class Recorded(Callback):
    """Copies of the trained weights after each step, and of the network at the beginning and end of validations."""

    def __init__(self):
        self.first, self.steps, self.validated = {}, [], []

    def on_train_start(self, trainer, task):
        self.first = copy.deepcopy(task.network.state_dict())

    def on_train_batch_end(self, trainer, task, *_):
        self.steps.append((trainer.global_step, copy.deepcopy(task.network.state_dict())))

    def on_validation_epoch_end(self, trainer, task):
        self.validated.append(copy.deepcopy(task.network.state_dict()))


@pytest.fixture
def train(tmp_path, make_data):
    """A function that trains stages of three epochs; it returns the folder of the last one and a built task."""

    def run(*extra, decay=0.9, place="whole", stages=1, freeze=(), **arguments):
        def build(folder):
            torch.manual_seed(0)
            schedule = Schedule(partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=1e-2), "step", "total_steps")
            task = ClassificationTask(
                network=make_classifier("test_resnet", LABELS, LABELS, dropout=0.2),
                loss=make_label_loss(LABELS),
                zeroing=make_zeroing(0.5, 4),
                labels=LABELS,
                mask_conditions=["none"],
                optimizer=partial(torch.optim.AdamW, lr=1e-2, fused=True),
                seed=7,
                **LABEL_TASK | {"scheduler": schedule, "freeze": freeze},
            )
            best = BestCheckpoint(
                *(folder, "best", "val/loss"),
                mode="min",
                save_weights_only=True,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            )
            average = [] if decay == "without" else [WeightAverage(decay)]
            callbacks = [*average, best, LastCheckpoint(folder), History(folder, "only", 0, []), *extra]
            trainer = partial(quiet_trainer, **{"max_epochs": 3, "callbacks": callbacks} | arguments)
            return Parts(make_data(labels=LABELS, masks=LABELS, batch_size=21), task, trainer)

        folders = [tmp_path / place / str(number) for number in range(stages)]
        plan = [Stage("only", 3, str(folder), folder, 0, ()) for folder in folders]
        run_stages(plan, lambda stage, _: build(stage.folder), [])
        return folders[-1], build(folders[-1])

    return run


def averages(first, steps, decay):
    """Return the average of all states of a network so far after each step, another implementation."""
    average, result = {name: value.double() for name, value in first.items()}, []
    for n, state in enumerate(steps):
        d = min(decay, (1 + n) / (10 + n))
        for name, value in state.items():
            average[name] = d * average[name] + (1 - d) * value if value.is_floating_point() else value
        result.append(dict(average))
    return result


@pytest.mark.parametrize(
    ("arguments", "after"),
    [({}, [3, 6, 9]), ({"accumulate_grad_batches": 2}, [2, 4, 6]), ({"val_check_interval": 1 / 3}, range(1, 10))],
    ids=str,
)
def test_what_is_validated_is_the_average_over_the_steps(train, arguments, after):
    train(recorded := Recorded(), decay=0.4, **arguments)  # reached after six steps
    stepped = {step: state for step, state in reversed(recorded.steps) if step}  # the state right after each step
    expected = averages(recorded.first, reversed(stepped.values()), 0.4)
    assert len(recorded.validated) == len(after)
    for state, step in zip(recorded.validated, after, strict=True):
        for name, value in state.items():
            torch.testing.assert_close(value.double(), expected[step - 1][name].double(), rtol=1e-5, atol=1e-6)


def test_the_best_weights_have_exactly_the_scores_of_their_epoch(train):
    folder, (data, task, trainer) = train()
    task.load_state_dict(weights(folder / BEST))
    trainer(callbacks=[]).validate(task, datamodule=data, verbose=False)
    rows = [row for row in read_history(folder) if row["mode"] == "val"]
    best = min(rows, key=lambda row: row["loss"])
    scored = {name.removeprefix("val/"): value for name, value in task.scored.items() if name.startswith("val/")}
    assert scored["loss"] == best["loss"]
    assert all(best[name] == value for name, value in scored.items() if value == value)


def test_the_last_weights_are_the_average_after_the_last_epoch(train):
    folder, _ = train(recorded := Recorded())
    last, trained = weights(folder / LAST), recorded.steps[-1][1]
    assert all(torch.equal(value, last[f"network.{name}"]) for name, value in recorded.validated[-1].items())
    assert not torch.equal(trained["backbone.fc.weight"], last["network.backbone.fc.weight"])


@pytest.mark.parametrize("at", [(0, 2), (1, 0), (2, 1)], ids=str)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_an_interrupted_training_goes_on_with_the_same_bits(train, at, precision):
    whole, _ = train(place="whole", precision=precision)
    with pytest.raises(PowerCut):
        train(Cut(*at), place="cut", precision=precision)
    again, _ = train(place="cut", precision=precision)
    for file in (BEST, LAST):
        one, two = weights(whole / file), weights(again / file)
        assert all(torch.equal(value, two[name]) for name, value in one.items())
    one, two = ([{**row, "seconds": 0} for row in read_history(folder)] for folder in (whole, again))
    assert str(one) == str(two)


def test_no_average_changes_nothing(train):
    one, two = (weights(train(decay=decay, place=str(decay))[0] / BEST) for decay in (None, "without"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_frozen_weights_and_their_statistics_stay(train):
    folder, parts = train(freeze=["backbone.conv1", "backbone.layer1"])
    state = weights(folder / BEST)
    frozen = {n: v for n, v in parts.task.state_dict().items() if n.startswith(("network.backbone.layer1",))}
    assert frozen and all(torch.equal(value, state[name]) for name, value in frozen.items())


def test_the_next_stage_starts_from_the_average(train):
    train(recorded := Recorded(), stages=2)
    # the callback of the last stage was recorded last
    folder, _ = train(stages=1, place="first")
    best = weights(folder / BEST)
    assert all(torch.equal(value, best[f"network.{name}"]) for name, value in recorded.first.items())


@pytest.mark.parametrize("decay", [0.0, 1.0, -1, 2])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match="decay .*0.999"):
        WeightAverage(decay)
