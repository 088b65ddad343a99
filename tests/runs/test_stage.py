"""Keys: what can change a result changes the key, nothing else does."""

import copy
import math

import pytest

from dermoscopy.config.checks import check_segmenter, check_stage, check_stages
from dermoscopy.machine.files import write_json
from dermoscopy.runs import keys
from dermoscopy.runs.keys import RECIPE, stage_key
from dermoscopy.runs.stage import Stage, finished, result_of, set_aside

BASE = {
    "name": "zeroing",
    "seed": 0,
    "epochs": 4,
    "folder": None,
    "stage": "base",
    "runs": "runs",
    "data": {"name": "demo", "raw": "somewhere", "store": "data/demo.h5", "labels": ["a"], "masks": ["a"]},
    "datamodule": {"store": "data/demo.h5", "batch_size": 32, "memory": "auto"},
    "network": {"backbone": "resnet18"},
    "zeroing": {"p": 0.5, "grid": 8, "per_channel": False},
    "model": {"zeroing": {"p": 0.5, "grid": 8, "per_channel": False}, "availability": ["none"]},
    "loss": {"pos_weight": None},
    "trainer": {"accelerator": "auto", "precision": "auto", "max_epochs": 4, "enable_progress_bar": "auto"},
    "callbacks": {"history": {"columns": []}, "best": {"dirpath": None, "monitor": "val/f1"}},
    "logger": {"uri": "sqlite:///mlflow.db"},
}


def changed(path: str, value: object, base: dict = BASE) -> dict:
    configuration = copy.deepcopy(base)
    *parents, last = path.split(".")
    node = configuration
    for parent in parents:
        node = node[parent]
    node[last] = value
    return configuration


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "other"),
        ("stage", "first"),
        ("runs", "elsewhere"),
        ("folder", "runs/x"),
        ("data.store", "/other/place.h5"),
        ("data.raw", "elsewhere"),
        ("datamodule.memory", "map"),
        ("model.availability", ["none", "given"]),
        ("trainer.accelerator", "cpu"),
        ("trainer.enable_progress_bar", False),
        ("trainer.log_every_n_steps", 7),
        ("trainer.max_epochs", 4.0),
        ("threads", 1),
        ("jobs_per_gpu", 4),
        ("sweep", {"fail_fast": True}),
        ("tracking", {"uri": "http://127.0.0.1:5000"}),
        ("rerun", True),
        ("callbacks.last", {"min_seconds": 0}),
        ("callbacks.history", {"columns": ["val/f1"]}),
        ("callbacks.best.dirpath", "x"),
        ("logger", {"save_dir": "x"}),
    ],
)
def test_names_places_and_what_is_shown_change_no_key(path, value):
    assert stage_key([changed(path, value)], "data") == stage_key([BASE], "data")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 1),
        ("epochs", 5),
        ("data.masks", ["b"]),
        ("datamodule.batch_size", 16),
        ("network.backbone", "resnet50"),
        ("zeroing.p", 0.6),
        ("zeroing.grid", 4),
        ("loss.pos_weight", "auto"),
        ("trainer.precision", "32-true"),
        ("callbacks.best.monitor", "val/loss"),
        ("callbacks.early_stopping", {"patience": 3}),
        ("something_new", 1),
    ],
)
def test_what_can_change_a_result_changes_the_key(path, value):
    assert stage_key([changed(path, value)], "data") != stage_key([BASE], "data")


def test_the_data_and_the_earlier_stages_are_part_of_the_key():
    other = changed("epochs", 5)
    assert stage_key([BASE], "data") != stage_key([BASE], "other data")
    assert stage_key([BASE, BASE], "data") != stage_key([other, BASE], "data")
    assert stage_key([BASE], "data") != stage_key([BASE, BASE], "data")


@pytest.mark.parametrize("p", [0, 1])
def test_without_chance_the_grid_of_zeroing_does_not_split_the_key(p):
    whole = changed("zeroing", {"p": p, "grid": 1, "per_channel": False})
    cells = changed("zeroing", {"p": float(p), "grid": 8, "per_channel": True})
    assert stage_key([whole], "data") == stage_key([cells], "data")


def test_the_order_of_keys_does_not_matter():
    assert stage_key([dict(reversed(BASE.items()))], "data") == stage_key([BASE], "data")


def test_a_result_comes_back_as_it_was_with_undefined_values_as_nan(tmp_path):
    assert finished(tmp_path) is None
    write_json(tmp_path / "result.json", {"metrics": {"f1": 0.5, "f1/rare": math.nan}, "epochs": 3})
    result = finished(tmp_path)
    assert result["metrics"]["f1"] == 0.5
    assert math.isnan(result["metrics"]["f1/rare"])
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_file_counts_by_its_content_and_not_by_its_place(tmp_path):
    for name, content in {"a.csv": "1", "b.csv": "1", "c.csv": "2"}.items():
        (tmp_path / name).write_text(content)
    keys = {name: stage_key([BASE | {"split": {"file": str(tmp_path / name)}}], "data") for name in ("a.csv", "b.csv")}
    assert keys["a.csv"] == keys["b.csv"]
    assert keys["a.csv"] != stage_key([BASE | {"split": {"file": str(tmp_path / "c.csv")}}], "data")


def test_a_code_that_trains_to_other_numbers_changes_every_key(monkeypatch):
    before = stage_key([BASE], "data")
    monkeypatch.setattr(keys, "RECIPE", RECIPE + 1)
    assert stage_key([BASE], "data") != before


WHOLE = BASE | {"optimizer": {"lr": 0.1}, "exclusive": False, "exclusive_labels": False, "rerun": False}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("exclusive", "yes", "exclusive of stage base must be true or false, got yes"),
        ("exclusive_labels", 1, "exclusive_labels of stage base must be true or false, got 1"),
        ("rerun", "no", "rerun of stage base must be true or false, got no"),
        ("epochs", 1.5, "epochs of stage base must be a whole number of at least 1, got 1.5"),
        ("optimizer.lr", "fast", "optimizer.lr of stage base must be a number or auto, got fast"),
        ("trainer.accumulate_grad_batches", 0, "accumulate_grad_batches of stage base .* whole number .*, got 0"),
        ("trainer.accumulate_grad_batches", 1.5, "accumulate_grad_batches of stage base .* whole number .*, got 1.5"),
        ("trainer.limit_train_batches", -1, "limit_train_batches of stage base .* at least 1, .*, got -1"),
        ("trainer.limit_val_batches", 0, "limit_val_batches of stage base must be a number of batches .*, got 0"),
        ("trainer.limit_val_batches", 0.0, "limit_val_batches of stage base .* a share above 0 .*, got 0.0"),
        ("trainer.limit_test_batches", 1.5, "limit_test_batches of stage base .* up to 1.0, .*, got 1.5"),
    ],
)
def test_a_stage_that_cannot_be_trained_is_refused(path, value, message):
    with pytest.raises(ValueError, match=message):
        check_stage(changed(path, value, WHOLE), {}, first=True)


@pytest.mark.parametrize("limit", [None, 1, 7, 0.25, 1.0])
def test_an_epoch_may_be_a_part_of_its_batches(limit):
    for side in ("train", "val", "test"):
        check_stage(changed(f"trainer.limit_{side}_batches", limit, WHOLE), {"epochs": 4}, first=True)


def test_only_the_first_stage_takes_weights_of_a_part():
    part = {"network": {"segmenter": {"checkpoint": "a.pt"}}}
    check_stage(WHOLE, part, first=True)
    with pytest.raises(ValueError, match="stage base names weights of network.segmenter, but it starts from"):
        check_stage(WHOLE, part, first=False)


def test_a_y_net_may_learn_labels_without_ever_segmenting():
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
def test_a_segmenter_that_nothing_trains_needs_weights(network, model, refused):
    stage = {"network": network | {"conditioning": {}}, "model": model}
    if not refused:
        check_segmenter(stage)
        return
    with pytest.raises(ValueError, match=r"nothing trains network.segmenter, and it has no weights: .*checkpoint=RUN"):
        check_segmenter(stage)


def test_stages_are_mappings():
    check_stages([{"stage": "half"}, {"epochs": 2}])
    for stages in (["a", "b"], [{"stage": "a"}, None], "whole", {"stage": "a"}, 5):
        with pytest.raises(ValueError, match=r"stages must be a list of mappings, such as \[\{stage: .*, got "):
            check_stages(stages)
    with pytest.raises(ValueError, match="stages is empty: a run needs at least one stage"):
        check_stages([])


def rerun(folder, name):
    return Stage("only", 1, "k", folder / "k", 0, lambda: (None, None, None), rerun=name)


def test_a_rerun_puts_the_older_result_aside_once_and_counts_its_own(tmp_path):
    write_json(tmp_path / "k" / "result.json", {"metrics": {}, "old": True})
    first = rerun(tmp_path, "first")
    assert result_of(rerun(tmp_path, None))["old"]
    assert result_of(first) is None
    set_aside(first)
    assert finished(tmp_path / "k") is None
    assert finished(tmp_path / "replaced" / "k")["old"]
    write_json(tmp_path / "k" / "result.json", {"metrics": {}, "new": True})
    set_aside(first)
    assert result_of(first)["new"]
    assert result_of(rerun(tmp_path, "second")) is None
