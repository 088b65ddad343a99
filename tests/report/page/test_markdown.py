"""Tables and numbers in Markdown: cells that stay whole, and a dash for an undefined number."""

from dermoscopy.report.page.markdown import code, interval, markdown_table, number, plain, with_interval

NAN = float("nan")


def test_a_cell_cannot_break_its_table() -> None:
    assert markdown_table(["a", "b"], [["x | y", "two\nlines"]]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        "| x \\| y | two lines |",
    ]


def test_numbers_and_intervals_are_dashes_where_they_are_undefined() -> None:
    assert (number(0.12345), number(NAN), number(3, "+.1f")) == ("0.123", "-", "+3.0")
    assert (interval(-0.1, 0.2), interval(NAN, NAN)) == ("-0.100 to +0.200", "-")
    assert with_interval(0.5, 0.4, 0.6) == "0.500 (0.400 to 0.600)"
    assert with_interval(0.5, NAN, NAN) == "0.500 (-)"


def test_names_of_any_characters_are_shown_as_they_are() -> None:
    for text in ("whole_80", "lr=0.001", "p < 0.05", "AT&T", "a - b", "ä", "x=1, y=2"):
        assert plain(text) == text
    assert plain("*a* _b_ `c` <i> [d] $e$ &amp; ~f~") == r"\*a\* \_b\_ \`c\` \<i> \[d] \$e\$ \&amp; \~f\~"
    assert plain("a\\*b") == "a\\\\\\*b"
    assert plain("two\nlines") == "two lines"
    assert markdown_table(["a"], [[plain("a|*b*")]]).splitlines()[2] == r"| a\|\*b\* |"


def test_code_may_hold_backticks() -> None:
    assert code("a b") == "`a b`"
    assert code("a `b`") == "`` a `b` ``"
