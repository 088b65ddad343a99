"""Tables and names in Markdown: cells that stay whole, and names of any characters."""

from dermoscopy.report.page.markdown import code, markdown_table, plain, section_table
from dermoscopy.report.page.section import Code, Section


def test_a_cell_cannot_break_its_table() -> None:
    assert markdown_table(["a", "b"], [["x | y", "two\nlines"]]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        "| x \\| y | two lines |",
    ]


def test_the_table_of_a_section_shows_names_as_they_are_and_code_as_code() -> None:
    table = section_table(Section("", ["arm|", "*n*"], [["_a_", Code("b | c")]]))
    assert table.splitlines() == [r"| arm\| | \*n\* |", "| --- | --- |", r"| \_a\_ | `b \| c` |"]


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
