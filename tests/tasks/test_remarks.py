"""What is unknown, missing or counted nowhere is said before training, in one line each."""

import numpy as np
import pytest
import torch
from label_tasks import LABELS, Reader, fit, make_task
from parts import make_class_loss, make_label_loss

from dermoscopy.data.batches.datamodule import DermoscopyData
from dermoscopy.tasks.remarks import balance_remarks, empty_remarks, label_remarks, mask_remarks

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
CLASSES = {"loss": make_class_loss(LABELS), "exclusive_labels": True}


@pytest.fixture
def exclusive(data):
    """Demo data with two classes of which every image has one."""
    data.label[:, 0] = torch.arange(len(data.label)) % 2
    data.label[:, 1] = 1 - data.label[:, 0]
    return data


def test_known_labels_and_present_masks_need_no_line(data, exclusive, capsys):
    assert label_remarks(data, LABELS, exclusive=False) == mask_remarks(data) == []
    fit(make_task(**CLASSES), exclusive)
    assert capsys.readouterr().out == ""


def test_images_with_none_or_several_exclusive_labels_are_counted_and_not_scored(exclusive, capsys):
    train, test = exclusive.rows("train"), exclusive.rows("test")
    exclusive.label[train[:3]], exclusive.label[train[3]], exclusive.label[test[0]] = 0.0, 1.0, torch.nan
    task = fit(make_task(**CLASSES), exclusive)
    (line,) = capsys.readouterr().out.splitlines()
    assert f"4 of {len(train)} training, 1 of {len(test)} test images" in line
    assert all(name in line for name in LABELS) and "validation" not in line
    assert task.scored["val/images"] == len(exclusive.rows("val"))


def test_a_copy_of_a_task_that_does_not_tell_prints_nothing(exclusive, capsys):
    exclusive.label[exclusive.rows("train")[0]] = 0.0
    task = make_task(**CLASSES)
    task.tells = False
    fit(task, exclusive)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [0.0, 1.0, torch.nan])
@pytest.mark.parametrize("subset", ["train", "val", "test"])
def test_a_subset_without_any_image_of_one_exclusive_label_is_refused(exclusive, subset, value):
    exclusive.label[exclusive.rows(subset)] = value
    with pytest.raises(ValueError, match=r"image has exactly one of .*data\.labels.*exclusive_labels=false"):
        fit(make_task(**CLASSES), exclusive)


def test_a_loss_of_classes_without_exclusive_labels_is_refused(exclusive):
    with pytest.raises(ValueError, match="exclusive_labels=true"):
        fit(make_task(loss=make_class_loss(LABELS)), exclusive)


def test_unknown_labels_are_counted_by_label_and_subset(data):
    data.label[data.rows("train")[:5], 0] = torch.nan
    data.label[data.rows("test")[:2], 1] = torch.nan
    (line,) = label_remarks(data, LABELS, exclusive=False)
    assert f"globules in 5 of {len(data.rows('train'))} training" in line
    assert f"streaks in 2 of {len(data.rows('test'))} test" in line


def test_a_mask_in_no_training_image_is_named(data, monkeypatch):
    monkeypatch.setattr(DermoscopyData, "absent_masks", lambda _: {"streaks": True})
    (line,) = mask_remarks(data, targets=True)
    assert "streaks" in line and "globules" not in line
    task = make_task(network=Reader())
    task.reads_masks = False  # the masks have no effect
    assert task.mask_remarks() == []


def test_targets_that_are_annotated_in_no_training_image_are_refused(data, monkeypatch):
    monkeypatch.setattr(DermoscopyData, "absent_masks", lambda _: dict.fromkeys(LABELS, False))
    with pytest.raises(ValueError, match=r"annotated for .*globules.*data\.masks"):
        mask_remarks(data, targets=True)
    assert len(mask_remarks(data)) == 1  # as input they are only useless


def test_masks_that_are_absent_or_not_annotated_are_found(make_data):
    data = make_data(masks=["lesion", "globules", "streaks"])
    assert data.absent_masks() == {}
    take = data.pixels.take_codes
    digits = {"globules": 3, "streaks": 9}
    data.pixels.take_codes = lambda rows: _changed(take(rows), digits)
    assert data.absent_masks() == {"globules": True, "streaks": False}


def _changed(code, digits):
    """Return packed masks whose globules are absent and whose streaks are unknown."""
    lesion = code - 3 * torch.round(code / 3).to(code.dtype)
    return (lesion - digits["globules"] * np.int8(1)).to(code.dtype)


def history(*scores):
    """Return the rows of a history from (Dice, pooled recall) per epoch."""
    return [{"epoch": i, "dice": dice, "pooled_recall": recall} for i, (dice, recall) in enumerate(scores)]


@pytest.mark.parametrize(
    ("mode", "rows", "best", "parts"),
    [
        ("max", history((0.9, 0.0), (0.2, 0.1)), 1, ["val/dice is best in epoch 0", "epoch 1 is kept"]),
        ("min", history((0.2, 0.1), (0.1, 0.0)), 0, ["val/dice is best in epoch 1", "epoch 0 is kept"]),
        ("max", history((torch.nan, 0.0), (0.9, 0.0), (0.2, 0.1)), 2, ["val/dice is best in epoch 1"]),
        ("max", history((0.9, 0.0), (0.8, 0.0)), 0, ["finds nothing", "in no epoch"]),
        ("max", history((0.1, 0.0), (0.2, 0.1)), 1, []),
        ("max", history((0.2, 0.1), (0.2, 0.0)), 0, []),  # of equals the first is the best
        ("max", history((0.2, torch.nan), (0.9, torch.nan)), 1, []),  # validation has no mask
    ],
)
def test_a_network_that_finds_nothing_has_one_line_where_the_metric_alone_had_chosen_it(mode, rows, best, parts):
    lines = empty_remarks("val/dice", mode, rows, best)
    assert len(lines) == bool(parts)
    assert all(part in lines[0] for part in parts)


def test_balance_and_weights_of_the_loss_that_act_together_have_one_line(make_data):
    for balance, loss, lines in (
        (1, make_label_loss(LABELS, "auto"), 1),
        (1, make_label_loss(LABELS), 0),
        (0, make_label_loss(LABELS, "auto"), 0),
    ):
        task = fit(make_task(loss=loss), make_data(labels=LABELS, masks=LABELS, balance=balance))
        assert sum("datamodule.balance=1" in line for line in task.lines) == lines


@pytest.mark.parametrize(("masks", "lines"), [(["lesion"], 1), (["streaks"], 0)])
def test_balance_that_changes_nothing_has_one_line(make_data, masks, lines):
    said = balance_remarks(make_data(labels=(), masks=masks, balance=0.5), torch.nn.Identity())
    assert [line.startswith("datamodule.balance=0.5 changes nothing") for line in said] == [True] * lines
    assert not balance_remarks(make_data(labels=(), masks=masks, balance=0), torch.nn.Identity())
