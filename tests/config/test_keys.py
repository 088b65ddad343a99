"""The key of a stage depends on all settings that can change a number, and on no others."""

import inspect
from functools import cache

import builders
import pytest
from omegaconf import DictConfig
from pytorch_lightning import Trainer

from dermoscopy.config.build import plain
from dermoscopy.config.keys import TRAINER, TRAINER_OTHERS, decisive_settings
from dermoscopy.config.stages import stage_configurations
from dermoscopy.runs.keys import TARGET, stage_key


@cache
def composed(*overrides: str) -> DictConfig:
    return builders.composed("train", "logger=csv", "logger.save_dir=csv", "trust=[own_parts]", *overrides)


def key(*overrides: str) -> str:
    """Return the key of the last stage of a run."""
    stages = stage_configurations(composed(*overrides).copy())
    return stage_key([decisive_settings(plain(stage)) for stage in stages], "data")


UNCHANGED = (
    *("name=other", "runs=elsewhere", "data.store=other.h5", "data.raw=elsewhere", "data.on_error=skip"),
    *("datamodule.memory=map", "datamodule.eval_batch_size=7", "model.mask_conditions=[none,given,shuffled]"),
    *("trainer=cpu", "trainer.enable_progress_bar=false", "+trainer.log_every_n_steps=7", "trainer.profiler=simple"),
    *("+trainer.num_nodes=1", "trainer.enable_model_summary=true", "trainer.num_sanity_val_steps=2"),
    *("threads=1", "jobs_per_gpu=4", "sweep.fail_fast=true", "tracking.uri=http://127.0.0.1:5000", "rerun=true"),
    *("callbacks.last.min_seconds=0", "callbacks.history.columns=[val/f1]", "callbacks.explanations.images=3"),
    *("~callbacks.predictions", "logger.name=other"),
    *("stages=[{stage: other}]", "lr_finder.steps=50", "+recipes={mine: [1]}", "+surrounds={mine: [a, b]}"),
    *("loss.labels=${data.labels}", "+encoders.mine=resnet10t"),
)
CHANGED = (
    *("seed=1", "epochs=5", "data.masks=[streaks]", "data.labels=[streaks]", "datamodule.batch_size=16"),
    *("datamodule.balance=0.5",),
    *("split.val=0.2", "split=folds", "network.backbone=resnet50", "zeroing.p=0.6", "zeroing.grid=4"),
    *("loss.pos_weight=auto", "loss.rarest=2", "loss.smoothing=0.1", "augment.rotate=5", "augment=none"),
    *("augment.crop=0.5", "augment.aspect=1.3", "augment={crop:0.5,foreground:0.5}"),
    *("optimizer.lr=0.5", "optimizer=sgd", "scheduler=cosine"),
    *("model.threshold=youden", "model.freeze=[backbone.conv1]", "mixing.mixup=0.2", "mixing.cutmix=1"),
    *("trainer.precision=32-true", "trainer.gradient_clip_val=1", "trainer.accumulate_grad_batches=2"),
    *("trainer.limit_train_batches=3", "monitor.metric=val/loss", "callbacks=early_stopping"),
    *("+callbacks.mine={_target_: own_parts.Diary, file: a}", "datamodule.mean=[0.1,0.1,0.1]"),
    *("datamodule.predicted=masks.h5", "network.checkpoint=weights.pt", "model=consistency"),
)


@pytest.mark.parametrize("override", UNCHANGED)
def test_names_paths_displays_and_tests_change_no_key(override):
    assert key(override) == key()


@pytest.mark.parametrize("override", CHANGED)
def test_a_setting_that_can_change_a_number_changes_the_key(override):
    assert key(override) != key()


def test_seeds_custom_callbacks_and_their_arguments_change_the_key():
    start = "+callbacks.mine={_target_: own_parts.Diary, file: "
    assert len({key(), key(start + "a}"), key(start + "b}"), key("seed=1"), key("seed=2")}) == 5


def test_the_arms_of_zeroing_share_their_first_stage():
    arms = ("everything", "nothing", "cells8_80", "mixed")
    first = [key(f"zeroing={arm}", "stages=[{stage: base, zeroing: {p: 1.0}}]") for arm in arms]
    assert len(set(first)) == 1
    assert len({key(f"zeroing={arm}") for arm in arms}) == len(arms)


def test_the_settings_of_the_learning_rate_finder_change_the_key_where_it_is_used():
    assert key("optimizer.lr=auto", "lr_finder.steps=50") != key("optimizer.lr=auto")


def test_the_tests_of_a_segmentation_change_no_key():
    assert key("model=segmentation", "model.tta=[none,flips]") == key("model=segmentation")


def test_the_key_depends_on_earlier_stages_and_not_on_later_ones():
    first, both = "{stage: a, epochs: 1}", "{stage: b, epochs: 2}"
    stages = stage_configurations(composed(f"stages=[{first},{both}]").copy())
    settings = [decisive_settings(plain(stage)) for stage in stages]
    assert stage_key(settings[:1], "data") == key("epochs=1")
    assert stage_key(settings, "data") != key("epochs=2")


def test_every_argument_of_the_trainer_is_in_one_of_the_two_lists():
    arguments = set(inspect.signature(Trainer.__init__).parameters) - {"self"}
    assert {*TRAINER, *TRAINER_OTHERS} == arguments | {TARGET}
    assert not {*TRAINER} & {*TRAINER_OTHERS}


@pytest.mark.parametrize("override", ["loss.terms.bce.pos_weight=auto", "loss.mask_weights=[2]"])
def test_weights_of_masks_change_the_key(override):
    assert key("model=segmentation", override) != key("model=segmentation")
