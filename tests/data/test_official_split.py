"""The official split is used as it is, with validation images taken from training where there are none."""

import numpy as np
import pytest

from dermoscopy.data.official_split import official_split

IDS = np.array([f"i{k}" for k in range(40)])
GROUPS = np.array([f"g{k // 2}" for k in range(40)])
LABELS = (np.arange(40) % 4 < 2).astype(np.int8)[:, None]
OFFICIAL = np.array(["train"] * 30 + ["test"] * 10)


def split(official, **settings):
    return official_split(IDS, GROUPS, LABELS, 0, official, **settings)


def test_test_images_are_the_official_ones_and_validation_images_keep_groups_whole():
    subset = split(OFFICIAL, val=0.2)
    assert (subset[30:] == "test").all() and set(subset[:30]) == {"train", "val"}
    assert 4 <= (subset == "val").sum() <= 8
    assert all(len(set(subset[group == GROUPS])) == 1 for group in set(GROUPS))


def test_official_validation_images_are_used_and_others_are_not():
    official = np.array(["train"] * 20 + ["val"] * 8 + [""] * 2 + ["test"] * 10)
    assert (split(official) == official).all()


def test_a_group_on_both_sides_is_dropped_from_training_on_request():
    official = OFFICIAL.copy()
    official[0] = "test"
    subset = split(official, overlap="drop")
    assert subset[0] == "test" and subset[1] == ""


@pytest.mark.parametrize(
    ("official", "settings", "message"),
    [
        (None, {}, "holds no official split"),
        (np.array(["train"] * 40), {}, "needs training and test images; this store has 40 train, 0 val, 0 test"),
        (OFFICIAL, {"overlap": "keep"}, "split.overlap must be stop or drop, got keep"),
        (OFFICIAL, {"val": 0}, "split.val must lie between 0 and 1, got 0"),
    ],
)
def test_what_is_no_official_split_is_refused(official, settings, message):
    with pytest.raises(ValueError, match=message):
        split(official, **settings)
