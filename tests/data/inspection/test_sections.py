"""Sections of a page: findings and the sample of images."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dermoscopy.data.inspection.duplicates import COLUMNS
from dermoscopy.data.inspection.sections import StoreStatistics, duplicates_section, findings, sample_section
from dermoscopy.data.inspection.tables import count_pixels
from dermoscopy.data.store.reader import open_store


@pytest.fixture
def stats(demo_store):
    """The demo store without near-duplicates."""
    store = open_store(demo_store)
    pairs = pd.DataFrame(columns=COLUMNS)
    return StoreStatistics(store, "lesion", count_pixels(store, "lesion"), pairs, 0, 0, 10, 0.5, "a.csv")


def test_the_seed_alone_decides_which_images_are_shown(stats):
    first, again, other = (sample_section(stats, 3, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first.count("<figure>") == 3


def test_images_that_have_none_of_exclusive_labels_are_a_finding(stats):
    label = np.zeros((len(stats.store), 2), np.int8)
    label[0, 0] = label[1, 1] = 1
    two = replace(stats, store=replace(stats.store, label=label, label_names=("a", "b")))
    (sentence,) = (text for anchor, text in findings(two) if anchor == "labels")
    assert f"{len(label) - 2} have none" in sentence


def test_without_pairs_nothing_is_said_of_duplicates(stats):
    assert stats.across.empty and stats.within.empty
    assert "duplicates" not in {anchor for anchor, _ in findings(stats)}
    assert 'id="duplicates"' in duplicates_section(stats)
