"""Numbers as text: a dash for an undefined one."""

from dermoscopy.report.results.numbers import interval, number, with_interval

NAN = float("nan")


def test_numbers_and_intervals_are_dashes_where_they_are_undefined() -> None:
    assert (number(0.12345), number(NAN), number(3, "+.1f")) == ("0.123", "-", "+3.0")
    assert (interval(-0.1, 0.2), interval(NAN, NAN)) == ("-0.100 to +0.200", "-")
    assert with_interval(0.5, 0.4, 0.6) == "0.500 (0.400 to 0.600)"
    assert with_interval(0.5, NAN, NAN) == "0.500 (-)"
