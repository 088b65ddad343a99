"""Rules of labels: each cell is 0, 1, unknown or a problem, and no remedy turns a label round."""

from pathlib import Path

import pytest

from dermoscopy.data.raw.label_rules import UNKNOWN, LabelRule, check_truth, check_values

TABLE = Path("t.csv")


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (["1", "1.0", "1.00", "1,0", "01", "1e0", "true", "TRUE", "t", "Yes", "y", "positive", "present"], 1),
        (["0", "0.0", "0.00", "0,00", "-0", "false", "F", "no", "N", "negative", "Absent"], 0),
        (["", "NA", "nan", "None", "NULL", "unknown", "-", "?", "n/a"], UNKNOWN),
        (["0.7", "2", "-1", "99", "mel", "maybe", "1_0", "inf"], None),
    ],
)
def test_a_column_of_truth_values_is_read_in_any_usual_spelling(texts, value):
    rule = LabelRule.parse("sick", "sick")
    assert [rule.value(text) for text in texts] == [value] * len(texts)


def test_values_are_compared_with_those_that_mean_yes():
    rule = LabelRule.parse("pigmented", " dx = mel | nv")
    assert [rule.value(text) for text in ("mel", "nv", "mel|nv", "bkl", "0", "", "NA", "None", "unknown")] == [
        *(1, 1, 1, 0, 0),
        *[UNKNOWN] * 4,
    ]
    assert str(rule) == "dx=mel|nv"


def test_a_word_for_a_missing_value_counts_where_the_rule_names_it():
    assert [LabelRule.parse("u", "dx=unknown").value(text) for text in ("unknown", "NA", "mel")] == [1, UNKNOWN, 0]
    assert [LabelRule.parse("u", "dx=NA|mel").value(text) for text in ("NA", "nan", "nv")] == [1, UNKNOWN, 0]


@pytest.mark.parametrize("text", ["dx=", "dx=mel|", "=mel", "", None])
def test_a_rule_without_a_column_or_a_value_is_refused_by_name(text):
    with pytest.raises(ValueError, match="data.source.columns.cancer is"):
        LabelRule.parse("cancer", text)


@pytest.mark.parametrize("text", ["0.7", "2", "-1"])
def test_the_remedy_for_a_number_never_makes_a_value_of_it(text):
    problem, remedy = LabelRule.parse("sick", "column").fault(text, "t.csv")
    assert problem == f"sick is {text} in t.csv, neither 0 nor 1"
    assert "column=" not in remedy


def test_the_remedy_for_a_word_leaves_the_choice_of_the_value_to_the_user():
    assert 'sick: "dx=VALUE"' in LabelRule.parse("sick", "dx").fault("benign", "t.csv")[1]


def test_a_column_of_something_else_is_one_line():
    with pytest.raises(
        ValueError, match=r"sick is the column dx of t.csv, which holds nv \(2\), mel \(1\), .*dx=VALUE"
    ):
        check_truth(TABLE, ["nv", "mel", "nv", "", "1"], LabelRule.parse("sick", "dx"))
    with pytest.raises(ValueError, match=r"holds 0.7 \(1\), neither 0 nor 1: write 0 or 1, or nothing"):
        check_truth(TABLE, ["0.7"], LabelRule.parse("sick", "dx"))
    check_truth(TABLE, ["nv", "0", "1", "NA"], LabelRule.parse("sick", "dx"))  # a few are problems of their rows
    check_truth(TABLE, ["NA"], LabelRule.parse("sick", "dx"))


@pytest.mark.parametrize(
    ("rule", "texts", "found"),
    [
        ("dx=MEL", "mel nv", "mel"),
        ("dx=mell", "mel nv", "mel"),
        ("grade=1", "1.0 2.0", "1.0"),
        ("dx=Mel", "MEL", "MEL"),
    ],
)
def test_a_value_that_only_looks_different_is_refused_with_the_one_in_the_table(rule, texts, found):
    with pytest.raises(ValueError, match=rf"no row of t.csv has .*; did you mean {found}\?"):
        check_values(TABLE, texts.split(), LabelRule.parse("cancer", rule))


def test_two_spellings_of_a_value_are_refused_with_a_rule_for_both():
    with pytest.raises(ValueError, match=r't.csv also has dx MEL, Mel: .* cancer: "dx=mel\|MEL\|Mel"'):
        check_values(TABLE, ["mel", "Mel", "MEL", "nv"], LabelRule.parse("cancer", "dx=mel"))
    check_values(TABLE, ["mel", "Mel", "MEL", "nv"], LabelRule.parse("cancer", "dx=mel|MEL|Mel"))


def test_an_absent_value_without_a_similar_one_is_allowed():
    check_values(TABLE, ["mel", "nv", "unknown", ""], LabelRule.parse("cancer", "dx=df"))
