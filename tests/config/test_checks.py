"""Stages that are refused in one line with the stage, the key and the value."""

import copy
import math

import pytest

from dermoscopy.config.checks import (
    ABOUT,
    check_about,
    check_name,
    check_repeats,
    check_segmenter,
    check_stage,
    check_stages,
)

WHOLE = {
    "stage": "base",
    "epochs": 4,
    "network": {"backbone": "resnet18"},
    "optimizer": {"lr": 0.1},
    "trainer": {"precision": "auto"},
    "exclusive": False,
    "exclusive_labels": False,
    "rerun": False,
}


def changed(path: str, value: object) -> dict:
    configuration = copy.deepcopy(WHOLE)
    *parents, last = path.split(".")
    node = configuration
    for parent in parents:
        node = node[parent]
    node[last] = value
    return configuration


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("exclusive", "yes", "exclusive of stage base must be true or false, got yes"),
        ("exclusive_labels", 1, "exclusive_labels of stage base must be true or false, got 1"),
        ("rerun", "no", "rerun of stage base must be true or false, got no"),
        ("epochs", 1.5, "epochs of stage base must be a whole number of at least 1, got 1.5"),
        ("optimizer.lr", 0, "optimizer.lr of stage base must be a number above 0 or auto, got 0"),
        ("optimizer.lr", -1.0, "optimizer.lr of stage base must be a number above 0 or auto, got -1.0"),
        ("optimizer.lr", math.nan, "optimizer.lr of stage base must be a number above 0 or auto, got nan"),
        ("optimizer.lr", True, "optimizer.lr of stage base must be a number above 0 or auto, got True"),
        ("optimizer.lr", "fast", "optimizer.lr of stage base must be a number above 0 or auto, got fast"),
        ("trainer.accumulate_grad_batches", 0, "accumulate_grad_batches of stage base .* whole number .*, got 0"),
        ("trainer.accumulate_grad_batches", 1.5, "accumulate_grad_batches of stage base .* whole number .*, got 1.5"),
        ("trainer.limit_train_batches", -1, "limit_train_batches of stage base .* at least 1, .*, got -1"),
        ("trainer.limit_val_batches", 0, "limit_val_batches of stage base .*, got 0"),
        ("trainer.limit_val_batches", 0.0, "limit_val_batches of stage base .* above 0 .*, got 0.0"),
        ("trainer.limit_test_batches", 1.5, "limit_test_batches of stage base .* up to 1.0, .*, got 1.5"),
    ],
)
def test_a_stage_that_cannot_be_trained_is_refused(path, value, message):
    with pytest.raises(ValueError, match=message):
        check_stage(changed(path, value), {}, first=True)


@pytest.mark.parametrize("limit", [None, 1, 7, 0.25, 1.0])
def test_an_epoch_may_have_fewer_batches_than_the_data(limit):
    for subset in ("train", "val", "test"):
        check_stage(changed(f"trainer.limit_{subset}_batches", limit), {"epochs": 4}, first=True)


def test_only_the_first_stage_loads_weights_of_a_part():
    part = {"network": {"segmenter": {"checkpoint": "a.pt"}}}
    check_stage(WHOLE, part, first=True)
    with pytest.raises(ValueError, match="stage base .*network.segmenter.checkpoint"):
        check_stage(WHOLE, part, first=False)


@pytest.mark.parametrize("network", [{"pretrained": True}, {"pretrained": "a.pt"}, {"encoder": {"pretrained": True}}])
def test_only_the_first_stage_starts_from_published_weights(network):
    check_stage(WHOLE, {"network": network}, first=True)
    check_stage(WHOLE, {"network": {"pretrained": False}}, first=False)
    with pytest.raises(ValueError, match=r"stage base sets network\.(encoder\.)?pretrained, .*first stage"):
        check_stage(WHOLE, {"network": network}, first=False)


@pytest.mark.parametrize("key", ["rerun", "threads", "tracking", "logger", "seed", "stages"])
def test_a_stage_changes_nothing_that_is_read_for_the_whole_run(key):
    with pytest.raises(ValueError, match=f"stage base changes {key}, which applies to the whole run"):
        check_stage(WHOLE, {"stage": "base", key: True}, first=True)


def test_a_y_net_may_learn_labels_alone():
    model = {"mask_loss": {}, "_target_": "dermoscopy.tasks.joint.LabelsOnlyTask"}
    check_segmenter({"network": {"segmenter": {"checkpoint": None}}, "model": model})


@pytest.mark.parametrize(
    ("network", "model", "refused"),
    [
        ({"segmenter": {"checkpoint": None}, "checkpoint": None}, {}, True),
        (
            {"segmenter": {"checkpoint": None}},
            {"mask_loss": {}, "_target_": "dermoscopy.tasks.joint.LabelsOnlyTask"},
            True,
        ),
        ({"segmenter": {"checkpoint": None}}, {"mask_loss": {}, "_target_": "dermoscopy.tasks.joint.JointTask"}, False),
        ({"segmenter": {"checkpoint": "a.pt"}}, {}, False),
        ({"segmenter": {"checkpoint": None}, "checkpoint": "a.pt"}, {}, False),
        ({"segmenter": None}, {}, False),
        ({}, {}, False),
    ],
)
def test_an_untrained_segmenter_needs_weights(network, model, refused):
    stage = {"network": network | {"conditioning": {}}, "model": model}
    if not refused:
        check_segmenter(stage)
        return
    with pytest.raises(ValueError, match=r"network.segmenter, .*network.segmenter.checkpoint=RUN"):
        check_segmenter(stage)


def test_stages_are_mappings():
    check_stages([{"stage": "half"}, {"stage": "whole", "epochs": 2}])
    for stages in (["a", "b"], [{"stage": "a"}, None], "whole", {"stage": "a"}, 5):
        with pytest.raises(ValueError, match=r"stages must be a list of mappings, such as \[\{stage: .*, got "):
            check_stages(stages)
    with pytest.raises(ValueError, match="entry 1 of stages has no name"):
        check_stages([{"stage": "half"}, {"epochs": 2}])
    with pytest.raises(ValueError, match="stages is empty: a run needs at least one stage"):
        check_stages([])


TEXTS = {
    "question": "Does it\n  help?",
    "command": "python train.py +experiment=mine -m",
    "cost": "1 job",
    "expectation": "No.",
    "primary_metric": "test/none/dice",
}


def test_what_an_experiment_is_about_is_one_line_per_key():
    assert check_about("mine", TEXTS) == TEXTS | {"question": "Does it help?"}
    assert check_about(None, None) == {}


@pytest.mark.parametrize("key", list(ABOUT))
def test_an_experiment_that_does_not_say_what_it_is_about_is_refused(key):
    for about in (None, {name: text for name, text in TEXTS.items() if name != key}, TEXTS | {key: " "}):
        with pytest.raises(ValueError, match=r"experiment/mine\.yaml .*about\.\w+") as error:
            check_about("mine", about)
        assert about is None or f"about.{key}:" in str(error.value)


def test_unknown_texts_and_a_primary_metric_that_is_no_test_metric_are_refused():
    with pytest.raises(ValueError, match=r"about\.costs .*mine\.yaml is unknown.*did you mean cost"):
        check_about("mine", TEXTS | {"costs": "2 jobs"})
    with pytest.raises(ValueError, match=r"about\.primary_metric .*mine\.yaml .*got val/dice"):
        check_about("mine", TEXTS | {"primary_metric": "val/dice"})


@pytest.mark.parametrize("name", ["run", "zeroing", "a-b_c.d+e", "2024", "_x", "con", "a" * 100])
def test_a_name_that_can_be_typed_everywhere_is_accepted(name):
    check_name(name)


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".a", "", " ", "a b", "/a", "a" * 101, "ü", "a\\b", "a\n", "-a", "a=b", "a,b", "~", None]
)
def test_a_name_that_would_be_another_folder_or_need_quotes_is_refused(name):
    with pytest.raises(ValueError, match="^name="):
        check_name(name)


def test_an_argument_that_lightning_does_not_take_is_refused_with_the_nearest():
    trainer = {"_target_": "dermoscopy.training.trainer.make_trainer", "max_stepz": 1}
    with pytest.raises(ValueError, match=r"trainer\.max_stepz .*max_steps"):
        check_stage({**WHOLE, "trainer": trainer}, {}, first=True)


@pytest.mark.parametrize(
    ("seed", "fold", "message"),
    [
        ("a", None, "seed .* a$"),
        (0.5, None, "seed .* 0.5"),
        (-1, None, "seed .* -1"),
        (None, 0, "seed .* null"),
        (True, 0, "seed .* true"),
        (0, "b", "split.fold .* b$"),
        (0, 1.5, "split.fold .* 1.5"),
        (0, -1, "split.fold .* -1"),
        (0, False, "split.fold .* false"),
    ],
)
def test_seeds_and_folds_are_whole_numbers(seed, fold, message):
    with pytest.raises(ValueError, match=message):
        check_repeats(seed, fold)


def test_a_run_may_have_no_folds():
    check_repeats(0, None)
    check_repeats(3, 4)
