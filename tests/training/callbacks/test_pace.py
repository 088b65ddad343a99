"""The seconds of an epoch, estimated from its first batches."""

from types import SimpleNamespace

import pytest

from dermoscopy.runs.pace import read_pace, remove_pace
from dermoscopy.training.callbacks.pace import Pace


class Training:
    """A training of so many epochs and batches with a clock that is set by hand; `estimates` has those of each call."""

    def __init__(self, folder, epochs=2, batches=100):
        self.now, self.estimates = 0.0, []
        self.pace = Pace(folder, lambda: self.estimates.append(read_pace(folder)), lambda: self.now)
        self.trainer = SimpleNamespace(num_training_batches=batches, max_epochs=epochs, current_epoch=0)

    def epoch(self, seconds):
        """Train an epoch whose batches take these seconds."""
        self.pace.on_train_epoch_start(self.trainer, None)
        for number, each in enumerate(seconds):
            self.now += each
            self.pace.on_train_batch_end(self.trainer, None, None, None, number)
        self.pace.on_train_epoch_end(self.trainer, None)
        self.trainer.current_epoch += 1


def test_the_first_batch_does_not_count_and_the_estimate_comes_after_some_seconds(tmp_path):
    training = Training(tmp_path)
    training.epoch([30] + [0.25] * 99)
    assert training.estimates == [100 * 0.25, 100 * 0.25]  # after some batches, and after the epoch
    training.epoch([0.25] * 100)
    assert len(training.estimates) == 2
    remove_pace(tmp_path)
    assert read_pace(tmp_path) is None


@pytest.mark.parametrize(
    ("seconds", "estimates"), [([30] * 3, [None]), ([0.01] * 100, [None]), ([1] * 6, [100.0, 100.0])]
)
def test_an_epoch_of_few_or_fast_batches_is_estimated_only_when_it_is_over(tmp_path, seconds, estimates):
    training = Training(tmp_path)
    training.epoch(seconds)
    assert training.estimates == estimates


def test_after_the_only_epoch_nothing_is_left_to_tell(tmp_path):
    training = Training(tmp_path, epochs=1)
    training.epoch([0.01] * 100)
    assert training.estimates == []
