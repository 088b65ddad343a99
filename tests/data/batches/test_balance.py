"""Balanced sampling: weights by hand, frequencies, and as few repetitions as the weights allow."""

import math

import pytest
import torch

from dermoscopy.data.batches.balance import BalancedChoice, checked_balance, image_weights, resample
from dermoscopy.data.batches.negatives import all_rows, choose
from dermoscopy.data.batches.order import TrainingBatches
from dermoscopy.machine.randomness import generator

NAN = math.nan


def counts(rows, of):
    return [int((rows == row).sum()) for row in of]


def test_weights_computed_by_hand():
    label = torch.tensor([[1.0], [0], [0], [0], [NAN]])
    assert image_weights(label, 1).tolist() == pytest.approx([4, *[4 / 3] * 3, 2])  # unknown: the mean
    assert image_weights(label, 0.5).tolist()[:2] == pytest.approx([2, math.sqrt(4 / 3)])
    assert image_weights(label, 0).tolist() == [1] * 5


def test_the_rarest_known_value_of_an_image_counts():
    label = torch.tensor([[1.0, 0], [0, 1], [0, NAN], [0, 1]])
    assert image_weights(label, 1).tolist() == pytest.approx([4, 3 / 2, 4 / 3, 3 / 2])


def test_exclusive_labels_come_equally_often():
    label = torch.eye(3)[[0] * 12 + [1] * 5 + [2] * 1]
    weights = image_weights(label, 1)
    assert torch.stack([weights[label[:, k] == 1].sum() for k in range(3)]).tolist() == pytest.approx([18] * 3)


@pytest.mark.parametrize("classes", [torch.zeros(4, 0), torch.full((4, 2), NAN), torch.ones(4, 1)])
def test_without_anything_known_or_different_images_come_alike(classes):
    assert len(set(image_weights(classes, 1).tolist())) == 1


@pytest.mark.parametrize("seed", range(5))
def test_each_row_comes_as_often_as_its_weight_says_rounded_up_or_down(seed):
    rows, weights = torch.arange(100, 140), torch.rand(40, generator=generator("weights", seed)).double() ** 3
    drawn = resample(rows, weights, generator(seed))
    assert len(drawn) == 40
    for count, expected in zip(counts(drawn, rows), (40 * weights / weights.sum()).tolist(), strict=True):
        assert math.floor(expected) <= count <= math.ceil(expected)


def test_the_mean_number_of_draws_is_the_expected_one():
    rows, weights = torch.arange(10), torch.arange(1.0, 11).double()
    drawn = torch.cat([resample(rows, weights, generator(seed)) for seed in range(400)])
    means = torch.tensor(counts(drawn, rows)) / 400
    torch.testing.assert_close(means.double(), 10 * weights / weights.sum(), atol=0.1, rtol=0)  # 4 standard errors


def test_equal_weights_draw_each_row_once():
    rows = torch.arange(50, 73)
    for seed in range(20):
        assert sorted(resample(rows, torch.full((23,), 0.1).double(), generator(seed)).tolist()) == rows.tolist()


def test_an_epoch_keeps_its_size_and_repeats_itself_for_the_same_seed():
    label = torch.zeros(60, 1)
    label[10:15] = 1
    choice = BalancedChoice(all_rows(torch.arange(5, 45)), label, 1)
    assert len(choice) == 40
    epochs = [
        torch.cat(
            [batch["index"] for batch in TrainingBatches(lambda rows: {"index": rows}, choice, 7, 0, lambda e=e: e)]
        )
        for e in (0, 0, 1)
    ]
    assert torch.equal(epochs[0], epochs[1]) and not torch.equal(epochs[0], epochs[2])
    for rows in epochs:
        assert len(rows) == 40 and rows.min() >= 5 and rows.max() < 45
        assert label[rows].sum() == 20  # 5 images, 4 times each
        assert max(counts(rows, range(15, 45))) == 1  # none of the frequent ones comes twice


def test_negatives_are_chosen_first():
    label = torch.tensor([[1.0]] * 4 + [[0.0]] * 40)
    choice = BalancedChoice(choose(torch.arange(44), label[:, 0] == 1, 2), label, 0.0)
    assert sorted(choice.draw(generator(0)).tolist())[:4] == [0, 1, 2, 3] and len(choice) == 12


@pytest.mark.parametrize("balance", [-0.1, 1.5, NAN, True])
def test_a_power_out_of_range_is_refused(balance):
    with pytest.raises(ValueError, match=r"^balance must lie in \[0, 1\]"):
        checked_balance(balance)


def positives(data, column):
    rows = torch.cat([batch["index"] for batch in data.train_dataloader()])
    return data.label[rows, column].mean().item(), len(rows)


def test_a_label_is_balanced_in_the_training_images_and_nowhere_else(make_data):
    natural, balanced = (make_data(labels=["streaks"], masks=[], balance=balance) for balance in (0, 1))
    for data in (natural, balanced):
        data.setup("fit")
    share, images = positives(natural, 0)
    assert abs(share - 0.5) > 0.1
    assert positives(balanced, 0) == (pytest.approx(0.5, abs=1 / images), images)
    assert torch.equal(balanced.val_dataloader().rows, natural.val_dataloader().rows)


def test_without_labels_the_presence_of_masks_is_balanced(make_data):
    data = make_data(labels=[], masks=["streaks"], balance=1, memory="map")
    data.setup("fit")
    rows = torch.cat([batch["index"] for batch in data.train_dataloader()])
    assert data.presence[rows].mean().item() == pytest.approx(0.5, abs=1 / len(rows))
