"""Arguments of the trainer that are refused in one line with the stage and the key."""

import math

import pytest

from dermoscopy.config.trainer_arguments import EPOCHS, check_trainer


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("check_val_every_n_epoch", 2),
        ("check_val_every_n_epoch", None),
        ("val_check_interval", 0.5),
        ("val_check_interval", 1),  # a number of batches
        ("val_check_interval", "00:00:10:00"),
        ("max_steps", 5),
        ("fast_dev_run", True),
        ("fast_dev_run", 3),
    ],
)
def test_an_argument_by_which_an_epoch_would_not_end_with_its_validation_is_refused(key, value):
    with pytest.raises(ValueError, match=rf"^trainer\.{key} of stage base is refused: .*leave it out"):
        check_trainer("base", {key: value})


def test_values_that_leave_the_end_of_an_epoch_as_it_is_are_accepted():
    for key, (usual, _) in EPOCHS.items():
        for value in usual:
            check_trainer("base", {key: value})


@pytest.mark.parametrize("algorithm", ["foo", 2, True, "NORM "])
def test_gradients_are_clipped_by_norm_or_by_value(algorithm):
    with pytest.raises(ValueError, match=r"trainer\.gradient_clip_algorithm of stage base must be norm or value"):
        check_trainer("base", {"gradient_clip_val": 1, "gradient_clip_algorithm": algorithm})
    for known in ("norm", "value", None):
        check_trainer("base", {"gradient_clip_val": 1, "gradient_clip_algorithm": known})


@pytest.mark.parametrize("clip", [0, -1.0, math.nan, math.inf, True, "1"])
def test_gradients_are_clipped_at_a_number_above_0(clip):
    with pytest.raises(ValueError, match=r"trainer\.gradient_clip_val of stage base must be a number above 0"):
        check_trainer("base", {"gradient_clip_val": clip})
