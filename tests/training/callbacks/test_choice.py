"""The best epoch is one whose network finds something, in scripted histories and in a small training."""

import math
import sys
from functools import partial

import pytest
import torch
from parts import ONE_GROUP
from power_cut import Cut, PowerCut
from torch import nn
from trainers import quiet_trainer

from dermoscopy.evaluation.segmentation import Evaluator
from dermoscopy.runs.checkpoints import read_checkpoint
from dermoscopy.runs.files import BEST
from dermoscopy.runs.stage import Stage
from dermoscopy.tasks.schedule import Schedule
from dermoscopy.tasks.segmentation import SegmentationTask
from dermoscopy.training.callbacks.choice import BestCheckpoint, EarlyStopping
from dermoscopy.training.callbacks.history import History
from dermoscopy.training.resume import LastCheckpoint
from dermoscopy.training.stages import Parts, run_stages

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
MASKS = ("streaks",)  # in few images of the demo


class Rising(nn.Module):
    """A network of one number, the logit of all pixels, but that of a corner of the first image of a batch.

    The loss raises the number by the learning rate in each step.
    """

    def __init__(self, start, corner):
        super().__init__()
        self.logit, self.corner = nn.Parameter(torch.tensor(float(start))), corner

    def forward(self, image):
        logits = self.logit.expand(len(image), 1, *image.shape[2:]).clone()
        if self.corner is not None:
            logits[0, 0, 0, 0] = self.corner  # in no mask of the demo
        return logits


def rise(logits, target):
    return {"rise": -logits.mean()}


class Scripted(SegmentationTask):
    """A segmentation whose validation scores are given: (Dice, pooled recall) per epoch."""

    script: list[tuple[float, float]]

    def scores(self, outputs):
        dice, recall = self.script[self.current_epoch]
        return super().scores(outputs) | {"dice": dice, "pooled_recall": recall}


def build(kind, start=-1.0, lr=0.3, corner=None, scheduler=None):
    evaluator = Evaluator(None, hd95=False)
    optimizer = partial(torch.optim.SGD, lr=lr)
    rest = 7, scheduler, (), {}, ONE_GROUP
    return kind(Rising(start, corner), rise, MASKS, False, ["none"], evaluator, optimizer, *rest)


def best_checkpoint(folder, mode="max"):
    return BestCheckpoint(
        *(folder, "best", "val/dice"), mode=mode, save_on_train_epoch_end=True, enable_version_counter=False
    )


@pytest.fixture
def chosen(make_data, tmp_path):
    """A function that trains with scripted scores, cut and resumed where wanted; it returns the epoch of the best."""

    def run(script, *extra, mode="max", cut=None):
        def fit(*more):
            task = build(Scripted)
            task.script = script
            callbacks = [best_checkpoint(tmp_path, mode), LastCheckpoint(tmp_path), *extra, *more]
            trainer = quiet_trainer(callbacks=callbacks, max_epochs=len(script), limit_train_batches=1)
            trainer.fit(task, datamodule=make_data(masks=MASKS, labels=()))
            return trainer

        for path in tmp_path.glob("*.ckpt"):
            path.unlink()
        if cut is not None:
            with pytest.raises(PowerCut):
                fit(Cut(cut, 0))
        epochs = fit().current_epoch
        return read_checkpoint(tmp_path / BEST)["epoch"], epochs

    return run


SCRIPTS = [
    ([(0.9, 0.0), (0.2, 0.1), (0.3, 0.1), (0.8, 0.0)], 2),  # nothing, before and after
    ([(0.1, 0.1), (0.9, 0.0), (0.3, 0.2), (0.2, 0.1)], 2),
    ([(0.5, 0.0), (0.7, 0.0), (0.7, 0.0), (0.6, 0.0)], 1),  # nothing ever: the best of them, the first of equals
    ([(0.5, 0.1), (0.7, 0.1), (0.7, 0.1), (0.6, 0.1)], 1),
    ([(math.nan, 0.0), (0.7, 0.0), (0.2, 0.1), (math.nan, 0.1)], 2),
    ([(0.5, math.nan), (0.9, math.nan), (0.7, math.nan), (0.9, math.nan)], 1),  # validation has no mask
]


@pytest.mark.parametrize(("script", "best"), SCRIPTS)
@pytest.mark.parametrize("cut", [None, 1, 2, 3])
def test_the_best_epoch_finds_something_also_if_the_training_was_interrupted(chosen, script, best, cut):
    ranked = max(range(4), key=lambda i: (script[i][1] != 0, -1 if math.isnan(script[i][0]) else script[i][0]))
    assert chosen(script, cut=cut) == (best, 4) == (ranked, 4)


def test_the_lowest_value_is_the_best_where_the_mode_is_min(chosen):
    assert chosen([(0.1, 0.0), (0.9, 0.1), (0.8, 0.1), (0.2, 0.0)], mode="min") == (2, 4)


@pytest.mark.parametrize(
    ("script", "epochs"),
    [
        ([(0.9, 0.0)] * 6, 6),  # nothing is found: the training goes on
        ([(0.9, 0.0), (0.1, 0.1), (0.2, 0.1), (0.9, 0.0), (0.1, 0.1), (0.1, 0.1), (0.3, 0.1)], 6),
        ([(0.3, 0.1), (0.1, 0.1), (0.1, 0.1), (0.4, 0.1)], 3),
    ],
)
def test_epochs_that_find_nothing_do_not_count_in_early_stopping(chosen, script, epochs):
    stopping = EarlyStopping("val/dice", mode="max", patience=2)
    assert chosen(script, stopping)[1] == epochs


@pytest.mark.parametrize("patience", [0, 0.0, -1, 1.5])
def test_a_patience_that_would_mean_another_is_refused(patience):
    with pytest.raises(ValueError, match=f"^patience .*{patience}"):
        EarlyStopping("val/dice", patience)


@pytest.mark.parametrize(("patience", "epochs"), [(0.5, 4), (0.1, 3), (1, 2), (9, 6)])
def test_the_patience_of_early_stopping_is_a_share_of_the_epochs_or_a_number_of_them(chosen, patience, epochs):
    stopping = EarlyStopping("val/dice", mode="max", patience=patience)
    assert chosen([(0.5, 0.1), *[(0.1, 0.1)] * 5], stopping)[1] == epochs


def test_early_stopping_of_one_cycle_is_questioned(chosen, capsys, monkeypatch):
    stopping = EarlyStopping("val/dice", mode="max", patience=5)
    chosen([(0.5, 0.1)], stopping)
    assert "one_cycle" not in capsys.readouterr().out
    cycle = Schedule(partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.3), "step", "total_steps")
    monkeypatch.setattr(sys.modules[__name__], "build", partial(build, scheduler=cycle))
    chosen([(0.5, 0.1)], stopping)
    assert "one_cycle" in capsys.readouterr().out


@pytest.fixture
def trained(make_data, tmp_path, capsys):
    """A function that trains a stage of three epochs; it returns the epoch of the best weights and what was printed."""

    def run(start, corner=None):
        callbacks = [best_checkpoint(tmp_path), LastCheckpoint(tmp_path), History(tmp_path, "only", 0, [])]
        trainer = partial(quiet_trainer, max_epochs=3, callbacks=callbacks, limit_train_batches=1)
        data = make_data(masks=MASKS, labels=())
        stage = Stage("only", 3, "only", tmp_path, 0, ())
        task = build(SegmentationTask, start, corner=corner)
        (stage_result,) = run_stages([stage], lambda *_: Parts(data, task, trainer), [])
        return stage_result.result["best_epoch"], capsys.readouterr().out

    return run


WRONG_PIXEL = pytest.mark.parametrize("corner", [None, 1.0], ids=["no pixel", "a wrong pixel"])


@WRONG_PIXEL
def test_a_training_says_which_epoch_its_metric_alone_had_chosen(trained, corner):
    best, printed = trained(-0.4, corner)  # the logit after each epoch: -0.1, 0.2, 0.5
    assert best == 1
    assert "val/dice is best in epoch 0" in printed and "epoch 1 is kept" in printed


@WRONG_PIXEL
def test_a_training_that_finds_nothing_says_so(trained, corner):
    best, printed = trained(-9.0, corner)
    assert best == 0
    assert "finds nothing" in printed and "optimizer.lr" in printed


def test_a_training_that_finds_something_in_every_epoch_tells_no_more(trained):
    best, printed = trained(0.1)
    assert best == 0
    assert "nothing" not in printed
