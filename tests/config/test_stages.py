"""The stages of a run, each with overrides of its own."""

from pathlib import Path

import pytest
from builders import composed
from omegaconf import OmegaConf

from dermoscopy.config.stages import Run, check_later_stages, conditions_of, stage_configurations
from dermoscopy.machine.randomness import derive, repeat_seed
from dermoscopy.runs.keys import RECIPE
from dermoscopy.runs.stage import LrRange

QUIET = ("logger=csv", "logger.save_dir=csv")


def run(*overrides: str, sweep: str = "now") -> Run:
    overrides = ("trainer.precision=32-true", *overrides)
    return Run(composed("train", *QUIET, *overrides).copy(), "the data", Path(sweep), lambda: None)


def test_the_overrides_of_a_stage_apply_to_it_alone():
    stages = "stages=[{stage: slow, epochs: 2, optimizer: {lr: 0.5}},{stage: fast, epochs: 3}]"
    first, second = stage_configurations(composed("train", *QUIET, stages).copy())
    assert (first.optimizer.lr, second.optimizer.lr) == (0.5, composed("train", *QUIET).optimizer.lr)
    assert (first.offset, second.offset) == (0, 2)
    assert [stage.stage_seed for stage in (first, second)] == [derive(0, 0), derive(0, 1)]


@pytest.mark.parametrize("fold", range(2))
def test_the_fold_enters_the_seeds_of_a_stage_but_not_that_of_the_partition(fold):
    stages = ("stages=[{stage: a},{stage: b}]", "split=folds", f"split.fold={fold}", "seed=7")
    configurations, expected = stage_configurations(composed("train", *QUIET, *stages).copy()), repeat_seed(7, fold)
    assert [stage.stage_seed for stage in configurations] == [derive(expected, 0), derive(expected, 1)]
    assert [stage.datamodule.split_seed for stage in configurations] == [7, 7]
    assert [stage.seed for stage in run(*stages).stages] == [expected, expected]


def test_arms_share_their_first_stage_within_a_fold():
    arms, folds = ("whole_20", "whole_80"), (None, 0, 1)
    runs = {
        (arm, fold): run("+experiment=zeroing", f"zeroing={arm}", *folded(fold)).stages
        for arm in arms
        for fold in folds
    }
    first = {key: (stages[0].key, stages[0].seed) for key, stages in runs.items()}
    assert all(first["whole_20", fold] == first["whole_80", fold] for fold in folds)
    assert len(set(first.values())) == len(folds)
    assert len({stages[1].key for stages in runs.values()}) == len(runs)


def folded(fold: int | None) -> tuple[str, ...]:
    return () if fold is None else ("split=folds", f"split.fold={fold}")


def test_a_run_describes_each_stage():
    first, second = run("stages=[{stage: a, epochs: 2},{stage: b, epochs: 3}]", "name=lab", "seed=7").stages
    assert [(stage.name, stage.epochs, stage.seed) for stage in (first, second)] == [("a", 2, 7), ("b", 3, 7)]
    assert first.folder == Path("runs", "lab", first.key)
    assert first.key != second.key
    assert (first.rerun, first.own_weights, first.lr_range) == (None, False, None)


def test_a_rerun_accepts_only_stages_of_its_own_sweep():
    (stage,) = run("rerun=true", sweep="today").stages
    assert stage.rerun == "today"
    assert stage.key == run().stages[0].key


def test_a_stage_records_the_range_of_an_automatic_learning_rate_and_whether_it_has_own_weights():
    (stage,) = run("optimizer.lr=auto", "lr_finder.steps=50").stages
    assert stage.lr_range == LrRange(1e-6, 1.0, 50)
    overrides = "stages=[{stage: a},{stage: b, network: {checkpoint: weights.pt}}]"
    assert [stage.own_weights for stage in run(overrides).stages] == [False, True]
    assert [stage.own_weights for stage in run(overrides, "network.checkpoint=first.pt").stages] == [False, True]


@pytest.mark.parametrize(
    ("overrides", "tests"),
    [
        ((), ("none", "given")),
        (("model=segmentation", "model.tta=[none,flips]"), ("none", "flips")),
        (("model=segmentation", "model.evaluator.hd95=true"), ("none", "hd95")),
    ],
)
def test_the_tests_of_a_stage_are_known_before_training(overrides, tests):
    assert conditions_of(composed("train", *QUIET, *overrides).model) == tests
    assert run(*overrides).stages[0].tests == tests


def test_the_configuration_of_a_stage_records_its_data_and_the_recipe():
    example = run()
    stage = example.stages[0]
    recorded = example._configurations[stage.key]
    assert (recorded.fingerprint, recorded.recipe_version, recorded.folder) == ("the data", RECIPE, str(stage.folder))


JOINT = ("model=joint", "network=ynet")
MASKS_ONLY = "model: {_target_: dermoscopy.tasks.joint.MasksOnlyTask}"


@pytest.mark.parametrize(
    ("overrides", "later", "message"),
    [
        ((), "parameter_groups: {layer_decay: 0}", r"parameter_groups\.layer_decay must lie in \(0, 1\]"),
        ((), "mixing: {cutmix: -1}", r"mixing\.cutmix"),
        ((), "augment: {scale: 0.5}", r"augment\.scale"),
        ((), "zeroing: {p: 2}", r"zeroing\.p"),
        ((), "loss: {rarest: 0}", r"loss\.rarest"),
        ((), "scheduler: {warmup: 0.5}", r"scheduler\.warmup"),
        ((), "callbacks: {average: {decay: 2}}", r"callbacks\.average\.decay"),
        (("optimizer.lr=auto",), "parameter_groups: {head: 0}", r"parameter_groups\.head"),
        (("model=segmentation",), "loss: bce+unknown", r"loss\.text"),
        (("model=segmentation", "scheduler=plateau"), "scheduler: {patience: 0}", r"scheduler\.patience"),
        (JOINT, "mixing: {mixup: 0.3}", r"mixing\.mixup"),
    ],
)
def test_a_value_that_a_later_stage_refuses_is_refused_before_the_first_trains(overrides, later, message):
    first = MASKS_ONLY if overrides == JOINT else "epochs: 2"
    example = run(*overrides, f"stages=[{{stage: a, {first}}},{{stage: b, {later}}}]")
    with pytest.raises(ValueError, match=f"^stage b: {message}"):
        check_later_stages(example.configurations)


@pytest.mark.parametrize(
    "overrides",
    [("+experiment=zeroing",), (*JOINT, "optimizer.lr=auto"), ("model=segmentation",), ("model=consistency",)],
)
def test_stages_that_can_be_trained_stay_as_they_are(overrides):
    stages = () if overrides[0].startswith("+") else ("stages=[{stage: a},{stage: b, epochs: 3}]",)
    configurations = run(*overrides, *stages).configurations
    before = [OmegaConf.to_container(stage) for stage in configurations]
    check_later_stages(configurations)
    assert before == [OmegaConf.to_container(stage) for stage in configurations]
