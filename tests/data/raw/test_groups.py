"""Groups of images: ids in `same` are compared as texts, and those without an image are counted."""

from dermoscopy.data.raw.groups import image_groups, same_notes
from dermoscopy.data.raw.labels import LabelRow, LabelTable


def test_numbers_in_same_are_ids_too():
    table = LabelTable({"2": LabelRow(groups=("x",))})
    assert image_groups(["1", "2", "3"], table, [[1, 2]]) == {"1": "1", "2": "1", "3": "3"}


def test_ids_in_same_that_have_no_image_are_counted():
    assert list(same_notes(["a", "b"], [["a", "b"], ["c", "d"]])) == [
        "data.source.same: 2 of 4 ids have no image (c, d)"
    ]
    assert not list(same_notes(["a", "b"], [["a", "b"]]))
