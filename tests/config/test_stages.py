"""The stages of a run: plain data out of the configuration of each, whose overrides end with it."""

from pathlib import Path

import pytest
from builders import composed

from dermoscopy.config.stages import Run, conditions_of, stage_configurations
from dermoscopy.machine.randomness import derive
from dermoscopy.runs.keys import RECIPE
from dermoscopy.runs.stage import LrRange

QUIET = ("logger=csv", "logger.save_dir=csv")


def run(*overrides: str, sweep: str = "now") -> Run:
    return Run(composed("train", *QUIET, *overrides).copy(), "the data", sweep)


def test_a_stage_is_its_overrides_and_they_end_with_it():
    stages = "stages=[{stage: slow, epochs: 2, optimizer: {lr: 0.5}},{stage: fast, epochs: 3}]"
    first, second = stage_configurations(composed("train", *QUIET, stages).copy())
    assert (first.optimizer.lr, second.optimizer.lr) == (0.5, composed("train", *QUIET).optimizer.lr)
    assert (first.offset, second.offset) == (0, 2)
    assert [stage.stage_seed for stage in (first, second)] == [derive(0, 0), derive(0, 1)]


def test_a_run_says_of_each_stage_what_is_to_be_trained():
    first, second = run("stages=[{stage: a, epochs: 2},{stage: b, epochs: 3}]", "name=lab", "seed=7").stages
    assert [(stage.name, stage.epochs, stage.seed) for stage in (first, second)] == [("a", 2, 7), ("b", 3, 7)]
    assert first.folder == Path("runs", "lab", first.key)
    assert first.key != second.key
    assert (first.rerun, first.own_weights, first.lr_range) == (None, False, None)


def test_a_rerun_counts_only_what_its_own_sweep_trained():
    (stage,) = run("rerun=true", sweep="today").stages
    assert stage.rerun == "today"
    assert stage.key == run().stages[0].key


def test_an_automatic_learning_rate_has_its_range_and_weights_of_its_own_are_known():
    (stage,) = run("optimizer.lr=auto", "lr_finder.steps=50").stages
    assert stage.lr_range == LrRange(1e-6, 1.0, 50)
    overrides = "stages=[{stage: a},{stage: b, network: {checkpoint: weights.pt}}]"
    assert [stage.own_weights for stage in run(overrides).stages] == [False, True]


@pytest.mark.parametrize(
    ("overrides", "tests"),
    [
        ((), ("none", "given")),
        (("model=segmentation", "model.tta=[none,flips]"), ("none", "flips")),
        (("model=segmentation", "model.evaluator.hd95=true"), ("none", "hd95")),
    ],
)
def test_what_a_test_asks_for_is_known_before_anything_is_trained(overrides, tests):
    assert conditions_of(composed("train", *QUIET, *overrides).model) == tests
    assert run(*overrides).stages[0].tests == tests


def test_a_stage_keeps_its_data_and_the_recipe_of_the_code_with_its_configuration():
    one = run()
    kept = one._configurations[one.stages[0].key]
    assert (kept.fingerprint, kept.recipe_version, kept.folder) == ("the data", RECIPE, str(one.stages[0].folder))
