"""The order of batches: a function of seed and epoch."""

import pytest
import torch

from dermoscopy.data.batches.negatives import all_rows, choose
from dermoscopy.data.batches.order import Batches, TrainingBatches, batch_sizes

ROWS = torch.arange(100, 123)


def rows_of(batch: torch.Tensor) -> dict:
    return {"index": batch}


def epoch_of(seed: int, epoch: int, size: int = 5) -> list[dict]:
    return list(TrainingBatches(rows_of, all_rows(ROWS), size, seed, lambda: epoch))


def index(batches: list[dict]) -> list[int]:
    return torch.cat([batch["index"] for batch in batches]).tolist()


def test_in_order_each_row_comes_once_and_the_last_batch_may_be_smaller():
    batches = Batches(rows_of, ROWS, 5)
    assert [len(batch["index"]) for batch in batches] == [5, 5, 5, 5, 3]
    assert len(batches) == 5
    assert index(list(batches)) == ROWS.tolist()
    assert len(Batches(rows_of, ROWS[:20], 5)) == 4


def test_an_epoch_of_training_has_each_row_once_in_another_order():
    batches = epoch_of(seed=0, epoch=0)
    assert sorted(index(batches)) == ROWS.tolist() != index(batches)
    assert [len(batch["index"]) for batch in batches] == [5, 5, 5, 5, 3]
    assert len(TrainingBatches(rows_of, all_rows(ROWS), 5, 0, int)) == 5


@pytest.mark.parametrize(
    ("images", "size", "sizes"),
    [
        (23, 5, [5, 5, 5, 5, 3]),  # more than half a batch: kept
        (22, 5, [5, 5, 5, 7]),
        (21, 5, [5, 5, 5, 6]),
        (20, 5, [5, 5, 5, 5]),
        (6, 4, [6]),  # exactly half
        (7, 4, [4, 3]),
        (3, 2, [3]),
        (3, 1, [1, 1, 1]),
        (2, 5, [2]),  # fewer than a batch: one batch
        (1, 5, [1]),
    ],
)
def test_a_last_batch_of_at_most_half_the_size_is_joined_to_the_one_before(images, size, sizes):
    assert batch_sizes(images, size) == sizes


def dealt(images: int, size: int) -> list[int]:
    """Deal images one by one into batches, then empty a small last batch into the one before it."""
    batches = [0]
    for _ in range(images):
        if batches[-1] == size:
            batches.append(0)
        batches[-1] += 1
    if len(batches) > 1 and batches[-1] <= size / 2:
        last = batches.pop()
        batches[-1] += last
    return batches


def test_the_sizes_of_batches_are_those_of_images_that_are_dealt_one_by_one():
    for images in range(1, 60):
        for size in range(1, 20):
            sizes = batch_sizes(images, size)
            assert sizes == dealt(images, size)
            assert sum(sizes) == images and (max(sizes) <= 1.5 * size) and (1 not in sizes or 1 in (images, size))


@pytest.mark.parametrize("images", [21, 22, 23])
def test_training_batches_have_these_sizes_and_every_row_once(images):
    loader = TrainingBatches(rows_of, all_rows(ROWS[:images]), 5, 0, int)
    batches = list(loader)
    assert [len(batch["index"]) for batch in batches] == batch_sizes(images, 5)
    assert len(batches) == len(loader) and sorted(index(batches)) == ROWS[:images].tolist()


def test_seed_and_epoch_determine_the_order_and_the_draws_of_each_batch():
    first, again = epoch_of(0, 3), epoch_of(0, 3)
    assert index(first) == index(again)
    assert [batch["draw"] for batch in first] == [batch["draw"] for batch in again]
    draws = {batch["draw"] for seed in (0, 1) for epoch in (0, 1) for batch in epoch_of(seed, epoch)}
    assert len(draws) == 2 * 2 * 5
    assert len({tuple(index(epoch_of(seed, epoch))) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_the_order_of_images_does_not_depend_on_the_size_of_a_batch():
    assert index(epoch_of(0, 0, size=5)) == index(epoch_of(0, 0, size=7))


def test_the_epoch_is_read_whenever_one_begins():
    epochs = iter((0, 1))
    batches = TrainingBatches(rows_of, all_rows(ROWS), 5, 0, lambda: next(epochs))
    assert index(list(batches)) == index(epoch_of(0, 0))
    assert index(list(batches)) == index(epoch_of(0, 1))


def test_negatives_are_redrawn_each_epoch_and_positives_are_always_included():
    positive = torch.arange(len(ROWS)) < 4
    batches = TrainingBatches(rows_of, choose(ROWS, positive, 1), 3, 0, iter(range(20)).__next__)
    assert len(batches) == 3
    epochs = [set(index(list(batches))) for _ in range(20)]
    assert all(len(epoch) == 8 and set(ROWS[:4].tolist()) <= epoch for epoch in epochs)
    assert set().union(*epochs) == set(ROWS.tolist())
