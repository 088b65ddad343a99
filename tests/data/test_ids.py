"""Ids that two lists write differently are brought together, where just one can be meant."""

import pandas as pd
import pytest

from dermoscopy.data.ids import matching_column, probable_pairs, shown_pairs


@pytest.mark.parametrize(
    ("id", "other"),
    [
        ("L000", "L000.jpg"),
        ("L000", "images/L000.JPG"),
        ("L000", "C:\\data\\L000.png"),
        ("0001", "1"),
        ("0001", "1.0"),
        ("L000", "l000"),
        ("ISIC_0000001", "ISIC-0000001"),
        ("ISIC_0000001", "ISIC 1"),
        ("ISIC_0000001", "0000001"),
        ("ISIC_0000001", "ISIC_0000001_downsampled"),
        ("ISIC_0000001_downsampled", "ISIC_0000001"),
    ],
)
def test_an_id_is_recognised_in_another_form(id, other):
    assert probable_pairs([id, "z9"], [other, "y8"]) == {id: other}


@pytest.mark.parametrize(
    ("lacking", "spare"),
    [
        (["A_001"], ["B_001"]),
        (["lesion_left"], ["lesion_right"]),
        (["L1"], ["L1.jpg", "L01.jpg"]),
        (["L1", "l1"], ["L01"]),
        (["a"], ["b"]),
        ([], ["a"]),
    ],
)
def test_other_or_ambiguous_ids_are_not_paired(lacking, spare):
    assert probable_pairs(lacking, spare) == {}


def test_pairs_are_shown_up_to_three():
    pairs = {f"L{k}": f"L{k}.jpg" for k in range(5)}
    assert shown_pairs(pairs).startswith("L0.jpg where the image is L0, ") and shown_pairs(pairs).endswith("and 2 more")


def test_the_column_that_has_the_ids_is_found():
    table = pd.DataFrame({"number": ["1", "2", "3"], "file": ["a", "b", "c"]})
    assert matching_column(table, {"a", "b", "z"}) == "file"
    assert matching_column(table, {"a", "y", "z"}) is None
