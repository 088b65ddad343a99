"""What is said of a table in which nothing is wrong."""

import pandas as pd

from dermoscopy.data.raw.label_rules import LabelRule
from dermoscopy.data.raw.table_notes import group_notes, value_notes


def notes(rule, *texts):
    return list(value_notes(pd.DataFrame({"dx": texts}), [LabelRule.parse("a", rule)]))


def test_an_ordinary_column_needs_no_word():
    assert notes("dx=mel", "mel", "nv", "nv") == []
    assert list(group_notes(pd.Series(["p", "p", "q", "r", "s", "t", "u", "v"], name="g"))) == []


def test_a_value_that_no_image_has_is_said_with_what_there_is():
    assert notes("dx=bcc", "mel", "nv", "") == [
        "a: 1 of 3 unknown: empty (1)",
        "a: no image has dx bcc, so that it is never yes; it has mel (1), nv (1)",
    ]
    assert notes("dx=mel|bcc", "mel", "nv") == ["a: no image has dx bcc; it has mel (1), nv (1)"]


def test_cells_that_name_a_value_among_others_are_counted():
    assert notes("dx=mel", "mel", "mel|nv", "nv; mel", "nv") == [
        "a: 2 of 4 are no, but name it among others: mel|nv (1), nv; mel (1)"
    ]


def test_groups_that_look_alike_and_one_that_holds_most_images_are_said():
    text = "g: groups that look alike may be separated by a split, write them the same: p1 and P1"
    assert list(group_notes(pd.Series(["p1", "P1", "q"], name="g"))) == [text]
    crowded = list(group_notes(pd.Series(["0"] * 6 + list("abcd"), name="g")))
    assert crowded == ["g: 6 of 10 images are in group 0; if it means unknown, empty it"]


def test_labels_of_the_same_rule_are_said():
    rules = [LabelRule.parse("a", "dx=mel|nv"), LabelRule.parse("b", "dx=nv|mel"), LabelRule.parse("c", "dx=nv")]
    (line,) = value_notes(pd.DataFrame({"dx": ["mel", "nv", "bcc"]}), rules)
    assert line.startswith("a, b: the same rule")


def test_groups_that_are_too_few_for_a_split_are_said():
    (line,) = group_notes(pd.Series(["p", "q"] * 3, name="g"))
    assert line.startswith("g: 6 images in 2 groups")
    assert not [*group_notes(pd.Series(["p", "q", "NA"] * 2, name="g"))][1:]
