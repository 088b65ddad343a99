"""Run-length encoding of masks: "start length start length ...", column by column, counting pixels from 1."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

EIGHT = np.ones((3, 3), np.bool_)  # pixels that touch at a corner are connected
Mask = NDArray[np.bool_]
Starts = NDArray[np.intp]


def encode(mask: Mask) -> str:
    """Return the runs of a mask (H, W), "" for an empty mask."""
    return _text(*_runs(mask.ravel(order="F")))


def encode_instances(mask: Mask) -> list[str]:
    """Return the runs of each connected part of a mask (H, W), the parts in the order of their first rows."""
    numbered, count = label(mask, EIGHT)
    numbered = numbered.ravel(order="F")  # where a column ends in one part, the next may begin in another
    starts, lengths = _runs(numbered)
    part = numbered[starts]
    return [_text(starts[part == number], lengths[part == number]) for number in range(1, count + 1)]


def decode(runs: str, size: tuple[int, int]) -> Mask:
    """Return the mask (H, W) of runs.

    Args:
        runs: as `encode` returns them.
        size: height and width.

    Raises:
        ValueError: `runs` are not the runs of a mask of that size.
    """
    height, width = size
    try:
        starts, lengths = np.array(runs.split(), np.int64).reshape(-1, 2).T
    except ValueError as error:
        raise ValueError(f"runs must be pairs of start and length, got {runs[:50]!r}") from error
    ends = starts - 1 + lengths
    if (
        (lengths < 1).any()
        or (starts[:1] < 1).any()
        or (starts[1:] <= ends[:-1]).any()
        or (ends > height * width).any()
    ):
        raise ValueError(f"runs must follow each other within {height} x {width} pixels, got {runs[:50]!r}")
    edges = np.zeros(height * width + 1, np.int8)
    np.add.at(edges, starts - 1, 1)
    np.add.at(edges, ends, -1)
    return edges.cumsum(dtype=np.int8)[:-1].astype(np.bool_).reshape(width, height).T


def _runs(values: NDArray[np.generic]) -> tuple[Starts, Starts]:
    """Return the starts, counted from 0, and the lengths of runs of one value that is not 0."""
    zero = values.dtype.type(0)
    edges = np.flatnonzero(np.diff(values, prepend=zero, append=zero))
    starts, lengths = edges[:-1], np.diff(edges)
    present = values[starts] != 0
    return starts[present], lengths[present]


def _text(starts: Starts, lengths: Starts) -> str:
    return " ".join(map(str, np.column_stack([starts + 1, lengths]).ravel().tolist()))
