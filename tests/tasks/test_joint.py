"""Tests of joint training of labels and masks: each loss trains its part, and both are tested."""

import pytest
import torch
from label_tasks import ImageOnly, JointImageOnly, fit, joint, run_test, trainer

from dermoscopy.evaluation.segmentation import evaluate
from dermoscopy.tasks.joint import JointTask, LabelsOnlyTask, MasksOnlyTask

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")


@pytest.mark.parametrize(
    ("kind", "trained"),
    [
        (JointTask, {"image", "mask", "segmenter"}),
        (LabelsOnlyTask, {"image", "mask"}),
        (MasksOnlyTask, {"segmenter"}),
    ],
)
def test_labels_and_masks_train_their_parts(data, kind, trained):
    task = joint(kind)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    fit(task, data)
    changed = {name.split(".")[0] for name, v in task.network.state_dict().items() if not torch.equal(v, before[name])}
    assert changed == trained
    assert ("val/dice" in task.scored) == (kind is not LabelsOnlyTask)
    assert ("val/pooled_recall" in task.scored) == (kind is not LabelsOnlyTask)
    assert ("val/auroc" in task.scored) == (kind is not MasksOnlyTask)


def test_the_gradient_of_labels_reaches_the_segmenter(data):
    data.setup("test")
    batch = data.finish(next(iter(data.test_dataloader())))
    task = joint()
    logits, _ = task.network.forward_joint(batch["image"])
    logits.sum().backward()
    assert task.network.segmenter.weight.grad.abs().sum() > 0


def test_a_joint_network_is_tested_on_labels_and_masks(data):
    task = run_test(joint(), data)
    assert {"test/none/dice", "test/none/auroc", "test/given/auroc"} <= set(task.scored)


def test_the_masks_of_the_test_images_are_kept_and_give_the_same_scores(data):
    task = run_test(joint(), data)
    store, masks, rows = data.store, task.predicted, data.rows("test").numpy()
    assert sorted(masks.ids) == sorted(store.ids[rows]) and masks.names == task.mask_names
    assert (masks.fingerprint, masks.unseen) == (store.fingerprint, True)
    index = [store.ids.tolist().index(id) for id in masks.ids]
    scores = evaluate(masks.probability, index, store, masks.names, exclusive=False, hd95=False).metrics("none")
    assert scores["test/none/dice"] == pytest.approx(task.scored["test/none/dice"], abs=1e-3)  # stored in bytes


@pytest.mark.parametrize(
    ("kind", "metric", "must"),
    [
        (MasksOnlyTask, "val/loss", True),
        (MasksOnlyTask, "val/pooled_dice", True),
        (JointTask, "val/dice", True),
        (JointTask, "val/average_precision", False),  # labels may be right without a mask
        (LabelsOnlyTask, "val/average_precision", False),
    ],
)
def test_an_epoch_that_is_chosen_by_its_masks_must_find_some(kind, metric, must):
    assert joint(kind).must_find_masks(metric) == must


def test_labels_and_masks_of_a_network_without_mask_input_are_validated_in_one_pass(data):
    task = joint(network=JointImageOnly())
    trainer().validate(task, datamodule=data, verbose=False)
    assert (sum(task.network.joint_batch_sizes), task.network.batch_sizes) == (len(data.rows("val")), [])
    assert {"val/dice", "val/auroc"} <= task.scored.keys()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"labels": 0, "masks": 0}, "both above 0, got {'labels': 0, 'masks': 0}"),
        ({"labels": 1}, "must be {labels: a, masks: b}"),
        ({"labels": 1, "masks": -1}, "both above 0"),
        ({"labels": 0, "masks": 1}, "model._target_=dermoscopy.tasks.joint.LabelsOnlyTask or .*MasksOnlyTask"),
    ],
)
@pytest.mark.parametrize("kind", [JointTask, LabelsOnlyTask, MasksOnlyTask])
def test_invalid_weights_are_refused(kind, weights, message):
    with pytest.raises(ValueError, match=message):
        joint(kind, weights=weights)


def test_exclusive_masks_are_not_trained_with_labels():
    with pytest.raises(ValueError, match="masks that may overlap: set exclusive=false"):
        joint(exclusive=True)


def test_labels_and_masks_need_a_network_that_segments():
    with pytest.raises(ValueError, match="trained in a network with a segmenter, ImageOnly has none"):
        joint(network=ImageOnly())
