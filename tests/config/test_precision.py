"""Tests of trainer.precision=auto: what is decided together, and what a key then contains."""

import pytest
import torch
from builders import composed

from dermoscopy.config.precision import _batch, _decided_about, _task, decide_precision
from dermoscopy.config.stages import Run, stage_configurations
from dermoscopy.runs.precision import TrialFailed
from dermoscopy.training import precision
from dermoscopy.training.precision import _seconds, random_batch

TINY = ("logger=csv", "logger.save_dir=csv", "network.backbone=test_resnet", "data.size=[32,32]", "trainer=cpu")
LABELS = ("network.backbone=test_resnet", "data.size=[32,32]")
MASKS = ("model=segmentation", "network.encoder=tu-test_resnet", "data.size=[32,32]", "network.pretrained=false")
MASKS += ("+network.architecture.decoder_channels=[8,8,8,8,8]",)


def first_stage(*overrides):
    return stage_configurations(composed("train", "logger=csv", "logger.save_dir=csv", *overrides).copy())[0]


def decisions(monkeypatch, *results):
    """Let the measurements of the test have these results, in order; return the list of those that are left."""
    left = list(results)

    def choose(*_, **__):
        decision = {"precision": left.pop(0), "reason": "", "hardware": "x", "threads": 1, "torch": "2"}
        return decision | {"seconds": {"32-true": 1.0}}

    monkeypatch.setattr(precision, "choose", choose)
    return left


def keys(sweep, *overrides):
    configuration = composed("train", *TINY, f"runs={sweep.parents[2]}", *overrides).copy()
    run = Run(configuration, "the data", sweep, lambda: None)
    return [(stage.key, stage.precision) for stage in run.stages]


def test_a_key_contains_what_was_decided(monkeypatch, tmp_path):
    decisions(monkeypatch, "bf16-mixed")
    decided = keys(tmp_path / "run/sweeps/now")
    assert decided == keys(tmp_path / "other/sweeps/now", "trainer.precision=bf16-mixed")
    assert decided != keys(tmp_path / "other/sweeps/now", "trainer.precision=32-true")
    assert [name for _, name in decided] == ["bf16-mixed"]


def test_a_sweep_and_a_machine_measure_once(monkeypatch, tmp_path):
    left = decisions(monkeypatch, "bf16-mixed", "32-true")
    sweeps = tmp_path / "run/sweeps"
    first = keys(sweeps / "1")
    assert keys(sweeps / "1", "seed=0") == first == keys(sweeps / "2") and left == ["32-true"]
    assert keys(sweeps / "2", "network.backbone=resnet10t")[0][1] == "32-true" and not left


def test_each_stage_has_the_precision_of_its_network_and_size(monkeypatch, tmp_path):
    left = decisions(monkeypatch, "32-true", "bf16-mixed")
    stages = "stages=[{stage: half, datamodule: {reduce: 2}}, {stage: whole}, {stage: again, optimizer: {lr: 0.1}}]"
    assert [name for _, name in keys(tmp_path / "run/sweeps/now", stages)] == ["32-true", "bf16-mixed", "bf16-mixed"]
    assert not left


def test_a_step_that_cannot_be_tried_is_fp32_and_says_so(monkeypatch, tmp_path, capsys):
    def choose(*_, **__):
        raise TrialFailed("no trainer")

    monkeypatch.setattr(precision, "choose", choose)
    stage = first_stage(*LABELS, f"runs={tmp_path}")
    decide_precision(stage, tmp_path / "run/sweeps/now", lambda: None)
    assert stage.trainer.precision == "32-true" and "no trainer" in capsys.readouterr().out


def test_the_resources_of_the_job_are_taken_before_a_measurement_and_not_otherwise(tmp_path):
    claimed = []
    for override in ("trainer.precision=bf16-mixed", "trainer.precision=auto", "trainer.precision=auto"):
        decide_precision(
            first_stage(*LABELS, f"runs={tmp_path}", override), tmp_path / "run/sweeps/now", lambda: claimed.append(1)
        )
    assert claimed == [1]


@pytest.mark.parametrize(
    "overrides",
    [
        ["network.dropout=0.5"],
        ["network.pretrained=true"],
        ["seed=3", "zeroing=nothing", "optimizer.lr=0.1", "epochs=3"],
        ["data.labels=[streaks]"],
    ],
)
def test_arms_of_the_same_network_are_decided_together(overrides):
    assert _decided_about(first_stage(*LABELS, *overrides)) == _decided_about(first_stage(*LABELS))


@pytest.mark.parametrize(
    "override", ["network.backbone=resnet10t", "data.size=[64,64]", "datamodule.batch_size=7", "datamodule.reduce=2"]
)
def test_networks_and_sizes_are_decided_apart(override):
    assert _decided_about(first_stage("data.size=[32,32]", override)) != _decided_about(
        first_stage("data.size=[32,32]")
    )


JOINT = "model=joint", "network.segmenter.encoder=tu-test_resnet", "network.segmenter.pretrained=false"
JOINT += ("data.size=[32,32]", "+network.segmenter.architecture.decoder_channels=[8,8,8,8,8]")
CASES = {
    "labels": LABELS,
    "weighted labels": (*LABELS, "loss.pos_weight=auto", "loss.rarest=2"),
    "one label": (*LABELS, "data.labels=[streaks]", "loss.pos_weight=auto"),
    "classes": (*LABELS, "loss=classes", "exclusive_labels=true"),
    "image alone": (*LABELS, "network=image_classifier", "zeroing=everything"),
    "views": (*LABELS, "model=consistency", "network.backbone=resnet10t"),
    "found rate": (*LABELS, "optimizer.lr=auto"),
    "masks": MASKS,
    "classes of pixels": (*MASKS, "data.masks=[globules,streaks]", "exclusive=true", "loss.text=ce+dice"),
    "joint": JOINT,
    "masks alone": (*JOINT, "model._target_=dermoscopy.tasks.joint.MasksOnlyTask", "monitor.metric=val/dice"),
}


@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_a_step_of_every_task_can_be_tried_outside_of_a_training(overrides):
    stage = first_stage(*overrides)
    batch, labels, masks = _batch(stage), list(stage.datamodule.labels), list(stage.datamodule.masks)
    assert batch == {"images": stage.datamodule.batch_size, "height": 32, "width": 32}
    task = _task(stage)
    optimizer = torch.optim.SGD(task.parameters(), lr=0.0)
    assert _seconds(task, optimizer, random_batch(2, 32, 32, len(labels), len(masks)), "32-true") >= 0


def test_a_task_to_be_tried_loads_no_weights():
    assert _task(first_stage(*LABELS, "network.checkpoint=missing.pt", "network.pretrained=true"))
