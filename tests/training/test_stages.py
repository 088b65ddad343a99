"""Tests of stages: trained once, started from the previous stage's best weights, resumed with identical results."""

import json
import math
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import pandas as pd
import pytest
import torch
from parts import LABEL_TASK, make_classifier, make_label_loss, make_zeroing
from power_cut import Cut, PowerCut
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from dermoscopy.data.augment.augment import Augment
from dermoscopy.data.batches.datamodule import DermoscopyData
from dermoscopy.machine.messages import RunWarning
from dermoscopy.runs.checkpoints import weights
from dermoscopy.runs.files import BEST, LAST
from dermoscopy.runs.stage import Stage, finished
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.tasks.mixing import Mixing
from dermoscopy.tasks.schedule import Schedule
from dermoscopy.training.callbacks.classification import Predictions
from dermoscopy.training.callbacks.history import History
from dermoscopy.training.resume import AtomicCheckpointIO, LastCheckpoint
from dermoscopy.training.stages import Parts, run_stages

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning", "ignore::UserWarning:torch")
LABELS = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")
CROPS = Augment(0.5, 0.5, 90, 1.25, 5, 0.1, 0.2, 0.2, 0.2, 0.1, "constant", 0, 0, 0, 0.5, 1.333, 0.3)
MONITOR = {"monitor": "val/average_precision", "mode": "max", "save_on_train_epoch_end": True}


class Recorder:
    """A logger that records the metrics sent to it."""

    def __init__(self):
        self.sent = []

    def log_metrics(self, metrics, step):
        self.sent.append((step, metrics))


SCHEDULES = {
    "one_cycle": Schedule(partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=1e-3), "step", "total_steps"),
    "cosine": Schedule(torch.optim.lr_scheduler.CosineAnnealingLR, "epoch", "T_max", warmup=0.3),
    "polynomial": Schedule(partial(torch.optim.lr_scheduler.PolynomialLR, power=0.9), "step", "total_iters", warmup=7),
    "cyclic": Schedule(
        partial(torch.optim.lr_scheduler.CyclicLR, base_lr=1e-5, max_lr=1e-3, step_size_up=5, cycle_momentum=False),
        "step",
    ),
    "step": Schedule(partial(torch.optim.lr_scheduler.StepLR, step_size=1)),
    "multistep": Schedule(partial(torch.optim.lr_scheduler.MultiStepLR, milestones=[1, 2]), warmup=4),
    "plateau": Schedule(
        partial(torch.optim.lr_scheduler.ReduceLROnPlateau, patience=0, threshold=1), monitor="val/loss", warmup=0.9
    ),
    "constant": None,
}


class Buildable(NamedTuple):
    """A stage, and the function that builds its parts."""

    stage: Stage
    build: Callable[[], Parts]


def run(stages, loggers):
    """Train stages as a run does, with one function that builds the parts of any of them."""
    builders = {id(buildable.stage): buildable.build for buildable in stages}
    return run_stages([buildable.stage for buildable in stages], lambda stage, _: builders[id(stage)](), loggers)


@pytest.fixture
def make_stage(tmp_path, make_data):
    """A function that builds a stage of a tiny network; `built` lists the stages whose parts were built."""

    def parts(folder, name, epochs, offset, p, lr, built, schedule, extra, tests, recipes):
        task = ClassificationTask(
            # its dropout draws from the hidden state of torch
            network=make_classifier("test_resnet", LABELS, LABELS, dropout=0.2),
            loss=make_label_loss(LABELS),
            zeroing=make_zeroing(p, 4),
            labels=LABELS,
            mask_conditions=tests,
            optimizer=partial(torch.optim.AdamW, lr=lr),
            seed=7,
            **LABEL_TASK | {"scheduler": SCHEDULES[schedule]} | ({"mixing": Mixing(0.2, 1.0)} if recipes else {}),
        )
        callbacks = [
            ModelCheckpoint(folder, "best", save_weights_only=True, enable_version_counter=False, **MONITOR),
            LastCheckpoint(folder),
            History(folder, name, offset, ["val/loss"]),
            Predictions(folder),
            *extra,
        ]
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        plugins = [AtomicCheckpointIO()]
        trainer = partial(
            Trainer,
            max_epochs=epochs,
            accelerator="cpu",
            callbacks=callbacks,
            num_sanity_val_steps=0,
            plugins=plugins,
            **quiet,
        )
        built.append(name)
        data = {"balance": 1, "augment": CROPS} if recipes else {}
        return Parts(make_data(batch_size=21, **data), task, trainer)  # three steps per epoch, the last with 30 images

    def make(
        name,
        built,
        epochs=1,
        offset=0,
        p=0.5,
        lr=1e-3,
        schedule="one_cycle",
        extra=(),
        tests=("none", "given"),
        rerun=None,
        place=tmp_path,
        recipes=False,
    ):
        folder = place / name
        build = partial(parts, folder, name, epochs, offset, p, lr, built, schedule, extra, tests, recipes)
        return Buildable(Stage(name, epochs, name, folder, 0, tests, rerun=rerun), build)

    return make


def test_two_stages_write_histories_checkpoints_predictions_and_results(make_stage, tmp_path):
    built, logger = [], Recorder()
    trained = run([make_stage("base", built, 2, p=1), make_stage("masks", built, 1, 2)], [logger])
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
    result = trained[-1].result
    assert {"best/epoch", "best/val/f1", "test/none/f1", "test/given/f1/streaks"} <= set(result["metrics"])
    assert sum(result["images"].values()) == 120
    assert not any(name.startswith("test/") for name in trained[0].result["metrics"])


def test_predictions_have_one_row_per_test_image_mask_condition_and_label(make_stage, tmp_path):
    stage = make_stage("only", built := [])
    run([stage], [])
    assert built
    table = pd.read_csv(tmp_path / "only" / "predictions.csv")
    assert list(table) == ["id", "group", "mask_condition", "label", "truth", "logit", "threshold"]
    images = table["id"].nunique()
    assert len(table) == images * 2 * len(LABELS)
    assert images == finished(tmp_path / "only")["images"]["test"]
    assert table["truth"].isin([0, 1]).all()


def test_a_finished_stage_is_not_trained_again_and_its_history_is_logged_again(make_stage):
    built, logger = [], Recorder()
    stages = [make_stage("base", built), make_stage("masks", built, offset=1)]
    first = run(stages, [logger])
    sent, logger.sent = logger.sent, []
    second = run(stages, [logger])
    assert built == ["base", "masks"]
    assert [stage.reused for stage in first] == [False, False]
    assert [stage.reused for stage in second] == [True, True]
    assert [step for step, _ in logger.sent] == [step for step, _ in sent] == [0, 1]
    assert second[-1].result["metrics"].keys() == first[-1].result["metrics"].keys()


def test_a_rerun_trains_again_gives_the_same_weights_and_keeps_the_older_result(make_stage, tmp_path):
    built = []
    run([make_stage("only", built)], [])
    first = weights(tmp_path / "only" / BEST)
    rerun = make_stage("only", built, rerun="sweep")
    assert [trained.reused for trained in run([rerun], [])] == [False]
    assert built == ["only", "only"]
    assert_equal(first, weights(tmp_path / "only" / BEST))
    assert_equal(first, weights(tmp_path / "replaced" / "only" / BEST))
    assert [trained.reused for trained in run([rerun], [])] == [True]  # once per rerun


def test_a_base_stage_that_is_requested_as_a_run_is_tested_without_new_training(make_stage, tmp_path):
    built = []
    run([make_stage("base", built), make_stage("masks", built)], [])
    best = (tmp_path / "base" / BEST).stat().st_mtime_ns
    (trained,) = run([make_stage("base", built)], [])
    assert trained.reused
    assert {"test/none/f1", "test/given/f1", "best/val/f1"} <= set(trained.result["metrics"])
    assert (tmp_path / "base" / BEST).stat().st_mtime_ns == best
    assert finished(tmp_path / "base")["metrics"].keys() == trained.result["metrics"].keys()


def test_warnings_and_remarks_of_a_stage_are_in_its_result_and_stay_there(make_stage, tmp_path):
    def warned(stage):
        def build():
            parts = stage.build()
            parts.task.remarks = lambda: ["streaks are rare", "streaks are rare"]
            warnings.warn("trained on other data", RunWarning, stacklevel=1)
            return parts

        return stage._replace(build=build)

    with pytest.warns(RunWarning):
        run([warned(make_stage("base", built := [])), make_stage("masks", built)], [])
    assert finished(tmp_path / "base")["warnings"] == ["trained on other data", "streaks are rare"]
    assert finished(tmp_path / "masks")["warnings"] == []
    (trained,) = run([make_stage("base", built)], [])  # is tested, and keeps those of its training
    assert trained.result["warnings"] == ["trained on other data", "streaks are rare"]


def test_another_mask_condition_is_tested_in_addition(make_stage, tmp_path):
    built = []
    run([make_stage("only", built, tests=("none",))], [])
    before = (tmp_path / "only" / "predictions.csv").read_text().splitlines()
    (trained,) = run([make_stage("only", built, tests=("given",))], [])
    assert trained.result["tested"] == ["given", "none"]
    assert {"test/none/f1", "test/given/f1"} <= set(trained.result["metrics"])
    after = (tmp_path / "only" / "predictions.csv").read_text().splitlines()
    assert len(after) == 2 * len(before) - 1
    assert set(before) <= set(after)
    run([make_stage("only", built, tests=("none",))], [])
    assert len(built) == 2  # everything requested exists


@pytest.mark.parametrize(
    ("schedule", "at"),
    [*((name, (2, 1)) for name in SCHEDULES), ("one_cycle", (0, 2)), ("one_cycle", (1, 0))],
    ids=str,
)
def test_an_interrupted_training_is_resumed_with_identical_results(make_stage, shared, tmp_path, schedule, at):
    def train(place, *extra):
        run([make_stage("whole", [], 3, schedule=schedule, extra=extra, place=place)], [])

    uninterrupted = shared(f"trained with {schedule}", train)
    with pytest.raises(PowerCut):
        train(tmp_path, Cut(*at))
    assert finished(tmp_path / "whole") is None
    train(tmp_path)
    assert_same_stage(uninterrupted / "whole", tmp_path / "whole")


@pytest.mark.filterwarnings("ignore:datamodule.balance")
def test_mixing_balance_and_crops_are_drawn_again_alike_after_an_interruption(make_stage, tmp_path):
    train = partial(make_stage, "whole", [], 3, recipes=True)
    run([train(place=tmp_path / "whole")], [])
    with pytest.raises(PowerCut):
        run([train(place=tmp_path / "cut", extra=[Cut(1, 2)])], [])
    run([train(place=tmp_path / "cut")], [])
    assert_same_stage(tmp_path / "whole" / "whole", tmp_path / "cut" / "whole")
    run([make_stage("whole", [], 3, place=tmp_path / "plain")], [])
    plain, mixed = (weights(tmp_path / name / "whole" / BEST) for name in ("plain", "whole"))
    assert any(not torch.equal(plain[name], mixed[name]) for name in plain)  # the recipes were used


def test_early_stopping_keeps_its_count_over_an_interruption(make_stage, tmp_path):
    def early_stopping():
        return EarlyStopping("val/loss", min_delta=1, patience=3)

    run([make_stage("whole", [], 9, extra=[early_stopping()])], [])
    with pytest.raises(PowerCut):
        run([make_stage("whole", [], 9, extra=[early_stopping(), Cut(2, 1)], place=tmp_path / "cut")], [])
    run([make_stage("whole", [], 9, extra=[early_stopping()], place=tmp_path / "cut")], [])
    assert finished(tmp_path / "whole")["epochs"] == 4
    assert_same_stage(tmp_path / "whole", tmp_path / "cut" / "whole")


def test_a_stage_that_was_interrupted_after_its_last_epoch_is_only_tested(make_stage, tmp_path):
    run([make_stage("whole", [], 2)], [])
    (tmp_path / "whole" / "result.json").rename(tmp_path / "result.json")
    stamp = (tmp_path / "whole" / BEST).stat().st_mtime_ns
    run([make_stage("whole", [], 2, extra=[Cut(0, 0)])], [])
    assert (tmp_path / "whole" / BEST).stat().st_mtime_ns == stamp
    first, second = (json.loads(path.read_text()) for path in tmp_path.glob("**/result.json"))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


@pytest.mark.parametrize("cut", ["between epochs", "after the training"])
def test_an_interruption_loses_no_line_of_the_training(make_stage, tmp_path, monkeypatch, cut):
    def exploding(place, *extra):
        """Return a stage with lines of its data, of its schedule, and of its first epoch, whose loss explodes."""
        stage = make_stage("whole", [], 2, schedule="polynomial", extra=extra, place=place)

        def build():
            parts = stage.build()
            task, forward = parts.task, parts.task.loss.forward

            def spoil(logits, label):
                first = task.training and task.current_epoch == 0 and task.trainer.fit_loop.epoch_loop.batch_idx == 1
                return {name: value * (1e8 if first else 1) for name, value in forward(logits, label).items()}

            task.remarks = lambda: ["streaks are rare"]
            task.loss.forward = spoil
            return parts

        return stage._replace(build=build)

    run([exploding(tmp_path / "undisturbed")], [])
    lines = finished(tmp_path / "undisturbed" / "whole")["warnings"]
    assert [part in line for part, line in zip(("rare", "scheduler.warmup", "epoch 0"), lines, strict=True)] == [
        True
    ] * 3
    if cut == "between epochs":
        with pytest.raises(PowerCut):
            run([exploding(tmp_path, Cut(1, 0))], [])
    else:
        with monkeypatch.context() as patch, pytest.raises(PowerCut):
            patch.setattr(DermoscopyData, "write_split", fail)
            run([exploding(tmp_path)], [])
    assert finished(tmp_path / "whole") is None
    run([exploding(tmp_path)], [])
    assert finished(tmp_path / "whole")["warnings"] == lines


def fail(*_):
    raise PowerCut


def test_a_damaged_checkpoint_is_named(make_stage, tmp_path):
    with pytest.raises(PowerCut):
        run([make_stage("only", [], 3, extra=[Cut(2, 0)])], [])
    (tmp_path / "only" / LAST).write_bytes(b"half a file")
    with pytest.raises(ValueError, match="last.ckpt is damaged"):
        run([make_stage("only", [], 3)], [])


def test_two_processes_that_need_the_same_stage_train_it_once(make_stage, tmp_path):
    built = []
    stages = [make_stage("only", built), make_stage("only", built)]
    with ThreadPoolExecutor(2) as pool:
        trained = list(pool.map(lambda stage: run([stage], [])[0], stages))
    assert built == ["only"]
    assert sorted(stage.reused for stage in trained) == [False, True]


def assert_equal(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def assert_same_stage(first, second):
    """Assert that history, best and last weights, result and predictions of two stages are identical."""
    one, two = (pd.read_csv(f / "history.csv", dtype=str).drop(columns="seconds") for f in (first, second))
    pd.testing.assert_frame_equal(one, two)
    assert_equal(weights(first / BEST), weights(second / BEST))
    assert_equal(weights(first / LAST), weights(second / LAST))
    results = [json.loads((folder / "result.json").read_text()) for folder in (first, second)]
    for result in results:
        del result["seconds"], result["sha256"]
    assert results[0] == results[1]
    assert (first / "predictions.csv").read_text() == (second / "predictions.csv").read_text()


def test_a_stage_starts_from_the_best_weights_of_the_previous_one(make_stage, tmp_path):
    frozen = make_stage("second", [], lr=1e-12, schedule="constant")
    run([make_stage("first", [], 2), frozen], [])
    first, second = (torch.load(tmp_path / n / BEST, weights_only=True)["state_dict"] for n in ("first", "second"))
    for name, value in first.items():
        if value.is_floating_point() and "running" not in name:
            torch.testing.assert_close(second[name], value, rtol=1e-4, atol=1e-6)


def test_validation_does_not_change_batch_statistics(make_stage, make_data):
    data, task, make_trainer = make_stage("only", []).build()
    trainer = make_trainer()
    data.setup("fit")
    before = {name: value.clone() for name, value in task.state_dict().items()}
    trainer.validate(task, datamodule=data, verbose=False)
    assert all(torch.equal(before[name], value) for name, value in task.state_dict().items())


def test_a_loss_that_is_not_finite_names_its_step_and_keeps_the_last_good_checkpoint(make_stage, tmp_path, monkeypatch):
    stage = make_stage("only", [], 3)
    data, task, make_trainer = stage.build()
    forward = task.loss.forward

    def spoil(logits, label):
        bad = task.training and task.current_epoch == 1 and task.trainer.fit_loop.epoch_loop.batch_idx == 2
        return {name: value * (math.nan if bad else 1) for name, value in forward(logits, label).items()}

    monkeypatch.setattr(task.loss, "forward", spoil)
    stage = stage._replace(build=lambda: Parts(data, task, make_trainer))
    with pytest.raises(ValueError, match="not finite|stopped being finite at step 2 of epoch 1"):
        run([stage], [])
    last = torch.load(tmp_path / "only" / LAST, weights_only=True)
    assert last["epoch"] == 1  # the next epoch
    assert all(value.isfinite().all() for value in last["state_dict"].values())
    assert finished(tmp_path / "only") is None


def test_an_empty_list_of_stages_is_refused():
    with pytest.raises(ValueError, match="stages is empty"):
        run([], [])
