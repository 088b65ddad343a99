"""Tests of run-length encoding: decoding an encoded mask returns it for every shape."""

import numpy as np
import pytest

from dermoscopy.predict.rle import decode, encode, encode_instances


def naive(mask):
    """Encode a mask by the definition: go down the columns, count pixels from 1."""
    runs, before = [], False
    for number, present in enumerate(mask.T.flatten().tolist(), start=1):
        if present and not before:
            runs.append([number, 0])
        if present:
            runs[-1][1] += 1
        before = present
    return " ".join(f"{start} {length}" for start, length in runs)


def test_a_case_worked_by_hand():
    mask = np.array([[0, 1, 1], [1, 1, 0]], bool)  # columns: 01, 11, 10: pixels 2 to 5
    assert encode(mask) == "2 4"
    assert encode(~mask) == "1 1 6 1"
    assert encode(np.zeros((2, 3), bool)) == "" and encode(np.ones((2, 3), bool)) == "1 6"


@pytest.mark.parametrize("size", [(7, 13), (13, 7), (1, 9), (9, 1), (64, 48)])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1])
def test_random_masks_are_restored_by_decoding(size, share):
    mask = np.random.default_rng(3).random(size) < share
    assert encode(mask) == naive(mask)
    assert np.array_equal(decode(encode(mask), size), mask)


def test_parts_that_touch_at_a_corner_are_one_instance():
    mask = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 1, 0]], bool)
    parts = [decode(runs, mask.shape) for runs in encode_instances(mask)]
    assert sorted(part.sum() for part in parts) == [1, 1, 2, 2]
    assert np.array_equal(np.sum(parts, axis=0), mask)  # each pixel in one part
    assert any(part[0, 0] and part[1, 1] for part in parts)
    assert encode_instances(np.zeros((3, 4), bool)) == []


def test_instances_of_a_random_mask_partition_its_pixels():
    mask = np.random.default_rng(4).random((30, 17)) < 0.3
    parts = [decode(runs, mask.shape) for runs in encode_instances(mask)]
    assert len(parts) > 1 and np.array_equal(np.sum(parts, axis=0), mask)


@pytest.mark.parametrize("runs", ["1", "a b", "0 1", "1 0", "1 7", "6 2", "3 2 1 1", "1 2 2 1", "1 -1"])
def test_runs_that_do_not_fit_the_size_are_refused(runs):
    with pytest.raises(ValueError, match="runs must"):
        decode(runs, (2, 3))
