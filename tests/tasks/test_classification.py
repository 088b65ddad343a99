"""Tests of classification tasks: the masks that a network reads in training, validation and test, and the results."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from label_tasks import LABELS, ImageOnly, fit, make_task, run_test
from parts import make_class_loss, make_zeroing
from torch import nn

from dermoscopy.data.store.reader import open_store
from dermoscopy.masks.conditions import CONDITIONS
from dermoscopy.masks.predicted import PredictedMasks, write_masks
from dermoscopy.training.callbacks.classification import Predictions

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")


@pytest.fixture
def predicted(demo_store, tmp_path):
    """A file of predicted masks in which every mask is the opposite of the true one."""
    store = open_store(demo_store)
    columns = [store.mask_names.index(name) for name in LABELS]
    opposite = np.where(store.mask()[..., columns] == 1, 0, 255).astype(np.uint8)
    masks = PredictedMasks(store.ids, LABELS, False, store.fingerprint, opposite, unseen=True)
    write_masks(tmp_path / "out_of_fold.h5", masks)
    return tmp_path / "out_of_fold.h5"


def test_a_network_reads_the_masks_of_each_mask_condition_at_test(make_data, predicted):
    data = make_data(labels=LABELS, masks=LABELS, predicted=predicted, eval_batch_size=7)
    task = run_test(make_task(mask_conditions=CONDITIONS), data)
    batches = [data.finish(batch) for batch in data.test_dataloader()]
    masks_read = dict.fromkeys(CONDITIONS)
    for number, name in enumerate(CONDITIONS):
        masks = task.network.masks(training=False)[number :: len(CONDITIONS)]
        masks_read[name] = None if name == "none" else torch.cat(masks)
        assert name != "none" or set(masks) == {None}
    given = torch.cat([batch["mask"] for batch in batches])
    assert torch.equal(masks_read["given"], given)
    assert torch.equal(masks_read["predicted"], torch.cat([batch["predicted"] for batch in batches]))
    assert (masks_read["predicted"] * given <= 0).all()
    known = [(masks_read[f"revealed_{percent}"] != 0) for percent in range(10, 100, 10)]
    assert all((less <= more).all() for less, more in pairwise(known))  # nested
    for part in (masks_read[f"revealed_{percent}"] for percent in range(10, 100, 10)):
        assert ((part == given) | (part == 0)).all()
    shares = [part.float().mean().item() / (given != 0).float().mean().item() for part in known]
    assert np.allclose(shares, np.arange(0.1, 1, 0.1), atol=0.05)
    assert all(f"test/{name}/f1" in task.scored for name in CONDITIONS)


def test_scores_of_a_test_do_not_depend_on_writing_its_files(data, tmp_path):
    one, other = run_test(make_task(), data), run_test(make_task(), data, Predictions(tmp_path))
    assert (tmp_path / "predictions.csv").is_file()
    assert [f"{name}={v}" for name, v in one.scored.items()] == [f"{name}={v}" for name, v in other.scored.items()]
    assert {"test/none/f1", "test/given/f1"} <= one.scored.keys()


def test_shuffled_masks_belong_to_other_test_images(make_data):
    data = make_data(labels=LABELS, masks=LABELS, eval_batch_size=7)
    task = run_test(make_task(mask_conditions=["shuffled"]), data)
    shuffled = torch.cat(task.network.masks(training=False))
    rows = data.rows("test")
    own = data.masks_of(rows)
    order = [next(j for j in range(len(own)) if torch.equal(own[j], mask)) for mask in shuffled if (mask > 0).any()]
    assert len(set(order)) > len(order) // 2  # no mask is used for many images
    differing = [not torch.equal(a, b) for a, b in zip(shuffled, own, strict=True) if (a > 0).any() or (b > 0).any()]
    assert all(differing)
    key = lambda masks: sorted(mask.numpy().tobytes() for mask in masks)  # noqa: E731
    assert key(shuffled) == key(own)


def test_every_run_reads_the_same_revealed_cells_and_shuffled_masks(make_data):
    masks = []
    for seed in (0, 1):
        task = run_test(
            make_task(mask_conditions=["revealed_30", "shuffled"], seed=seed), make_data(labels=LABELS, masks=LABELS)
        )
        masks.append(task.network.masks(training=False))
    assert all(torch.equal(one, two) for one, two in zip(*masks, strict=True))


def test_training_and_validation_read_the_configured_masks(make_data, predicted):
    data = make_data(labels=LABELS, masks=LABELS, predicted=predicted)
    masks_read = {}
    for masks in ("given", "predicted"):
        task = fit(make_task(training_masks=masks, validation_masks=masks), data)
        masks_read[masks] = [task.network.masks(training)[0] for training in (True, False)]
    for given, opposite in zip(*masks_read.values(), strict=True):
        assert given.shape == opposite.shape
        assert (given * opposite <= 0).all() and (given * opposite < 0).any()
    assert fit(make_task(zeroing=make_zeroing(1)), data).network.masks(training=True) == [None]


@pytest.mark.parametrize(
    ("rest", "argument"),
    [
        ({"training_masks": "predicted"}, "training_masks"),
        ({"validation_masks": "predicted"}, "validation_masks"),
        ({"mask_conditions": ["predicted"]}, "mask_conditions"),
    ],
)
def test_predicted_masks_need_a_file(data, rest, argument):
    with pytest.raises(
        ValueError, match=f"{argument} is predicted, but the data have no predicted masks: .* datamodule.predicted"
    ):
        fit(make_task(**rest), data)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ({"mask_conditions": ["gven"]}, "mask_conditions names 'gven'.*did you mean given"),
        ({"training_masks": "none"}, "training_masks names 'none'"),
        ({"validation_masks": "shuffled"}, "validation_masks names 'shuffled'"),
        ({"threshold": "yuden"}, "threshold.*did you mean youden"),
        (
            {"network": nn.MultiheadAttention(2, 1)},
            "label network .* MultiheadAttention",
        ),
    ],
)
def test_invalid_arguments_are_named(rest, message):
    with pytest.raises(ValueError, match=message):
        make_task(**rest)


def test_a_network_that_takes_only_an_image_is_trained_and_tested(data):
    task = fit(make_task(network=ImageOnly()), data)
    task.network.batch_sizes.clear()
    run_test(task, data)
    assert task.scored["test/none/auroc"] == task.scored["test/given/auroc"]
    assert sum(task.network.batch_sizes) == len(data.rows("test"))  # once for both conditions


def test_thresholds_are_chosen_in_validation_and_kept_with_the_weights(data):
    task = fit(make_task(threshold="youden"), data)
    chosen = task.state_dict()["thresholds"]
    assert (chosen != 0).any()
    other = make_task(threshold="youden")
    other.load_state_dict(task.state_dict())
    run_test(other, data)
    logits, label = (torch.cat(parts) for parts in list(zip(*other.tested["none"], strict=True))[:2])
    by_hand = ((logits > chosen) & (label == 1)).sum(0) / (label == 1).sum(0)
    assert other.scored["test/none/recall_at_youden"] == pytest.approx(by_hand.mean().item())


def test_exclusive_labels_have_the_accuracy_of_the_most_probable_class(data):
    data.label[:, 1] = 1 - data.label[:, 0]
    task = run_test(fit(make_task(loss=make_class_loss(LABELS), exclusive_labels=True), data), data)
    logits, label = (torch.cat(parts) for parts in list(zip(*task.tested["none"], strict=True))[:2])
    right = logits.argmax(1) == label.argmax(1)
    assert task.scored["test/none/accuracy"] == pytest.approx(right[label.sum(1) == 1].double().mean().item())
