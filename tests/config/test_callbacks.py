"""Tests of the callbacks of a stage: those that another part replaces, and those that it needs."""

import pytest

from dermoscopy.config.callbacks import check_callbacks, check_places

NEEDED = {name: {"_target_": f"mine.{name}"} for name in ("best", "history")}


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("LearningRateMonitor", "history.csv"),
        ("EMAWeightAveraging", "callbacks.average.decay"),
        ("StochasticWeightAveraging", "callbacks.average.decay"),
    ],
)
@pytest.mark.parametrize("package", ["pytorch_lightning.callbacks", "lightning.pytorch.callbacks"])
def test_a_callback_that_does_not_fit_is_refused_with_what_serves(package, kind, instead):
    with pytest.raises(ValueError, match=rf"callbacks\.mine .*{instead}"):
        check_callbacks({**NEEDED, "last": None, "mine": {"_target_": f"{package}.{kind}"}})


def test_other_callbacks_are_accepted():
    check_callbacks({**NEEDED, "last": None, "mine": {"_target_": "pytorch_lightning.callbacks.ModelSummary"}})


@pytest.mark.parametrize("name", NEEDED)
def test_a_stage_needs_the_callbacks_that_write_its_best_weights_and_its_history(name):
    for left_out in ({**NEEDED, name: None}, {key: value for key, value in NEEDED.items() if key != name}):
        with pytest.raises(ValueError, match=rf"^callbacks\.{name} is left out, .*: keep it$"):
            check_callbacks(left_out)


@pytest.mark.parametrize(
    ("name", "key", "value", "shown"),
    [
        ("best", "dirpath", None, "null"),
        ("best", "dirpath", "elsewhere", "elsewhere"),
        ("best", "filename", "mine", "mine"),
        ("history", "folder", "/tmp", "/tmp"),
        ("last", "dirpath", "", ""),
    ],
)
def test_the_own_callbacks_write_to_the_folder_of_the_stage(name, key, value, shown):
    own = {"_target_": f"dermoscopy.training.callbacks.{name}", "dirpath": "runs/x", "folder": "runs/x"}
    check_places({name: own, "mine": {"_target_": "mine.Diary", "folder": "elsewhere"}, "none": None}, "runs/x")
    with pytest.raises(ValueError, match=rf"^callbacks\.{name}\.{key} is {shown}, but the files of a run"):
        check_places({name: own | {key: value}}, "runs/x")
