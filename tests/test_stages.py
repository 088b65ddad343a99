"""Stages: trained once, started from the best weights, their overrides ending with them."""

import math
from functools import partial

import pandas as pd
import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from dermoscopy.callbacks import History, Predictions
from dermoscopy.ledger import finished
from dermoscopy.losses import BinaryCrossEntropy
from dermoscopy.masks import Zeroing
from dermoscopy.networks.classifier import Classifier
from dermoscopy.stages import BEST, LAST, Stage, run_stages
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.tasks.schedule import Schedule

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning", "ignore::UserWarning:torch")
LABELS = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")
MONITOR = {"monitor": "val/average_precision", "mode": "max", "save_on_train_epoch_end": True}


class Recorder:
    """A logger that remembers what it was sent."""

    def __init__(self):
        self.sent = []

    def log_metrics(self, metrics, step):
        self.sent.append((step, metrics))


@pytest.fixture
def make_stage(tmp_path, make_data):
    """Builds a stage of a tiny network; ``built`` lists the stages that were really trained."""

    def build_parts(name, epochs, offset, p, lr, built):
        folder = tmp_path / name
        torch.manual_seed(0)
        task = ClassificationTask(
            Classifier("resnet10t", LABELS, LABELS),
            BinaryCrossEntropy(LABELS),
            Zeroing(p, 4),
            LABELS,
            ("none", "given"),
            partial(torch.optim.AdamW, lr=lr),
            seed=7,
            scheduler=Schedule(partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=lr), "step", "total_steps"),
        )
        names = {"dirpath": folder, "enable_version_counter": False}
        callbacks = [
            ModelCheckpoint(filename="best", save_weights_only=True, **names, **MONITOR),
            ModelCheckpoint(filename="last", save_on_train_epoch_end=True, **names),
            History(folder, name, offset, ["val/loss"]),
            Predictions(folder),
        ]
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = Trainer(max_epochs=epochs, accelerator="cpu", callbacks=callbacks, num_sanity_val_steps=0, **quiet)
        built.append(name)
        return make_data(), task, trainer

    def make(name, built, epochs=1, offset=0, p=0.5, lr=1e-3):
        return Stage(name, epochs, name, tmp_path / name, partial(build_parts, name, epochs, offset, p, lr, built))

    return make


def test_two_stages_leave_histories_checkpoints_predictions_and_results(make_stage, tmp_path):
    built, logger = [], Recorder()
    done = run_stages([make_stage("base", built, 2, p=1), make_stage("masks", built, 1, 2)], [logger])
    assert built == ["base", "masks"]
    for name in built:
        assert all((tmp_path / name / file).is_file() for file in (BEST, LAST, "history.csv", "result.json"))
    history = pd.read_csv(tmp_path / "base" / "history.csv")
    assert history[["stage", "epoch", "mode"]].to_numpy().tolist() == [
        ["base", 0, "train"],
        ["base", 0, "val"],
        ["base", 1, "train"],
        ["base", 1, "val"],
    ]
    result = done[-1].result
    assert {"best/epoch", "best/val/f1", "test/none/f1", "test/given/f1/streaks"} <= set(result["metrics"])
    assert sum(result["images"].values()) == 120
    assert not any(name.startswith("test/") for name in done[0].result["metrics"])


def test_predictions_name_each_test_image_for_each_availability_and_label(make_stage, tmp_path):
    stage = make_stage("only", built := [])
    run_stages([stage], [])
    assert built
    table = pd.read_csv(tmp_path / "only" / "predictions.csv")
    assert list(table) == ["id", "group", "availability", "label", "truth", "logit"]
    images = table["id"].nunique()
    assert len(table) == images * 2 * len(LABELS)
    assert images == finished(tmp_path / "only")["images"]["test"]
    assert table["truth"].isin([0, 1]).all()


def test_a_finished_stage_is_never_trained_again_and_its_history_is_logged_again(make_stage):
    built, logger = [], Recorder()
    stages = [make_stage("base", built), make_stage("masks", built, offset=1)]
    first = run_stages(stages, [logger])
    sent, logger.sent = logger.sent, []
    second = run_stages(stages, [logger])
    assert built == ["base", "masks"]
    assert [stage.reused for stage in first] == [False, False]
    assert [stage.reused for stage in second] == [True, True]
    assert [step for step, _ in logger.sent] == [0, 1]
    assert second[-1].result["metrics"].keys() == first[-1].result["metrics"].keys()
    assert not sent  # History has its own loggers, given by whoever opened them


def test_rerun_trains_again_from_the_beginning_and_gives_the_same_weights(make_stage, tmp_path):
    built = []
    stage = make_stage("only", built)
    run_stages([stage], [])
    weights = torch.load(tmp_path / "only" / BEST, weights_only=True)["state_dict"]
    run_stages([stage], [], rerun=True)
    again = torch.load(tmp_path / "only" / BEST, weights_only=True)["state_dict"]
    assert built == ["only", "only"]
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_a_stage_starts_from_the_best_weights_of_the_one_before(make_stage, tmp_path):
    frozen = make_stage("second", [], lr=1e-12)
    run_stages([make_stage("first", [], 2), frozen], [])
    first, second = (torch.load(tmp_path / n / BEST, weights_only=True)["state_dict"] for n in ("first", "second"))
    for name, value in first.items():
        if value.is_floating_point() and "running" not in name:
            torch.testing.assert_close(second[name], value, rtol=1e-4, atol=1e-6)


def test_validation_leaves_batch_statistics_alone(make_stage, make_data):
    data, task, trainer = make_stage("only", []).build()
    data.setup("fit")
    before = {name: value.clone() for name, value in task.state_dict().items()}
    trainer.validate(task, datamodule=data, verbose=False)
    assert all(torch.equal(before[name], value) for name, value in task.state_dict().items())


def test_a_loss_that_is_not_finite_names_its_step_and_keeps_the_last_good_checkpoint(make_stage, tmp_path, monkeypatch):
    stage = make_stage("only", [], 3)
    data, task, trainer = stage.build()
    forward = task.loss.forward

    def spoil(logits, label):
        bad = task.training and task.current_epoch == 1 and task.trainer.fit_loop.epoch_loop.batch_idx == 2
        return {name: value * (math.nan if bad else 1) for name, value in forward(logits, label).items()}

    monkeypatch.setattr(task.loss, "forward", spoil)
    stage = Stage("only", 3, "only", tmp_path / "only", lambda: (data, task, trainer))
    with pytest.raises(ValueError, match="not finite|stopped being finite at step 2 of epoch 1"):
        run_stages([stage], [])
    last = torch.load(tmp_path / "only" / LAST, weights_only=True)
    assert last["epoch"] == 0
    assert all(value.isfinite().all() for value in last["state_dict"].values())
    assert finished(tmp_path / "only") is None


def test_no_stages_is_refused():
    with pytest.raises(ValueError, match="stages is empty"):
        run_stages([], [])
