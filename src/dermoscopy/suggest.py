"""Suggestions for a mistyped name."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return "; did you mean a, b or c?" for the known names most like ``name``, or "" if none is like it."""
    close = get_close_matches(name, list(known), n=count, cutoff=0.5)
    if not close:
        return ""
    *most, last = close
    return f"; did you mean {', '.join(most) + ' or ' if most else ''}{last}?"
