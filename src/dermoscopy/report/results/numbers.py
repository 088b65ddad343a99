"""Numbers and intervals as text."""

import pandas as pd


def number(value: float, form: str = ".3f") -> str:
    """Format a number, as `-` if it is undefined."""
    return "-" if pd.isna(value) else format(value, form)


def interval(low: float, high: float, form: str = "+.3f") -> str:
    """Format the two ends of an interval, as `-` if it is undefined."""
    return "-" if pd.isna(low) else f"{low:{form}} to {high:{form}}"


def with_interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """Format a number with its interval in brackets, each as `-` if it is undefined."""
    return f"{number(value, form)} ({interval(low, high, form)})"
