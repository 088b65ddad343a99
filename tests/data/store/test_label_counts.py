"""Labels of a store are counted, and images that have none or several of exclusive ones."""

import numpy as np
import pytest

from dermoscopy.data.store.label_counts import count_labels, uncovered


def test_yes_no_and_unknown_are_counted():
    label = np.array([[1, 0], [0, 0], [-1, 0]], np.int8)
    assert count_labels(label, ("a", "b")) == "a (1 yes, 1 no, 1 unknown), b (0 yes, 3 no)"
    assert count_labels(label[:, :0], ()) == "none"


def test_images_with_none_or_several_of_exclusive_labels_are_counted():
    label = np.zeros((60, 2), np.int8)  # two columns of three classes, as in ISIC 2017
    label[::6, 0] = label[1::6, 1] = 1
    assert uncovered(label) == "the labels look exclusive: of 60 images, 40 have none of them and 0 have several"
    label[0] = 1
    label[1] = -1
    assert uncovered(label).endswith("of 59 images, 40 have none of them and 1 have several")


@pytest.mark.parametrize("rows", [[[1, 0], [0, 1]], [[1, 1], [0, 0]], [[-1, 0]], [[1], [0]], [[], []]])
def test_one_label_each_or_independent_labels_need_no_word(rows):
    assert uncovered(np.array(rows, np.int8)) == ""
