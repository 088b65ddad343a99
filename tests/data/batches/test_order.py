"""The order of batches: a function of seed and epoch."""

import torch

from dermoscopy.data.batches.negatives import all_rows, choose
from dermoscopy.data.batches.order import Batches, TrainingBatches

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
