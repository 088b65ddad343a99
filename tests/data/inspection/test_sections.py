"""Sections of a page: what a person should know, and which images are shown."""

import pandas as pd
import pytest

from dermoscopy.data.inspection.duplicates import COLUMNS
from dermoscopy.data.inspection.sections import Measured, duplicates_section, findings, sample_section
from dermoscopy.data.inspection.tables import count_pixels
from dermoscopy.data.store.reader import open_store


@pytest.fixture
def measured(demo_store):
    """The demo store without near-duplicates."""
    store = open_store(demo_store)
    pairs = pd.DataFrame(columns=COLUMNS)
    return Measured(store, "lesion", count_pixels(store, "lesion"), pairs, 0, 0, 10, 0.5, "a.csv")


def test_the_seed_alone_decides_which_images_are_shown(measured):
    first, again, other = (sample_section(measured, 3, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first.count("<figure>") == 3


def test_without_pairs_nothing_is_said_of_duplicates(measured):
    assert measured.across.empty and measured.within.empty
    assert "duplicates" not in {anchor for anchor, _ in findings(measured)}
    assert 'id="duplicates"' in duplicates_section(measured)
