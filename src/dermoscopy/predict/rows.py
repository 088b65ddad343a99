"""Which images of a store may be scored: those that a run learnt from tell nothing of how good it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.splits import HOLDOUT
from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import nearest
from dermoscopy.runs.files import SPLIT
from dermoscopy.runs.recorded import RecordedStage
from dermoscopy.runs.splits import SEEN, read_split

ALL, TEST, UNSEEN = "all", "test", "unseen"
SIDES = (TEST, ALL, "val", HOLDOUT)
NEW = "new"  # an image that the split does not name
UNKNOWN = "unknown"  # where there is no split
OUT_OF_FOLD = "of folds, score each image by the run that has not seen it: the out-of-fold table of report.py"


class Chosen(NamedTuple):
    """Rows (n,) of a store in their order, what they are called, a line that says what they are, if all are new."""

    rows: NDArray[np.intp]
    side: str
    line: str
    unseen: bool


def choose_rows(store: Store, stages: Sequence[RecordedStage], side: str | None) -> Chosen:
    """Choose images of a store by the sides that they have in the splits of runs.

    An image is known by its id, so the same images at another size are no new ones.

    Args:
        store: the images.
        stages: of the runs; each has its split.csv beside its weights.
        side: a side, which an image must have in the split of every run, or all; None: all images if no split names
            any of them, else those of the test side and those that no split names.

    Raises:
        ValueError: there is no such side or no such image, or several runs would score what one of them learnt from.
        FileNotFoundError: there is no split.csv, and not all are asked for.
    """
    if side not in (None, *SIDES):
        raise ValueError(f"side must be one of {', '.join(SIDES)}, got {side!r}{nearest(str(side), SIDES)}")
    sides = np.stack([_sides(store, stage.checkpoint.with_name(SPLIT), side) for stage in stages])  # (runs, images)
    if side is None:
        chosen = np.all(np.isin(sides, (TEST, NEW)), axis=0)
        side = ALL if (sides == NEW).all() else UNSEEN if (sides == NEW).any() else TEST
    else:
        chosen = np.all((sides == side) | (side == ALL), axis=0)
    several, seen = len(stages) > 1, np.isin(sides, SEEN).any(0)
    if several and side == ALL and seen.any():
        raise ValueError(f"side=all: {seen.sum()} images of {store.path} were seen by a run; {OUT_OF_FOLD}")
    if not chosen.any():
        raise ValueError(_nothing(store, sides, side, several))
    unseen = not np.isin(sides[:, chosen], (*SEEN, UNKNOWN)).any()
    return Chosen(np.flatnonzero(chosen), side, f"side {side}: {_line(sides, chosen)}", unseen)


def _sides(store: Store, split: Path, side: str | None) -> NDArray[np.str_]:
    """The side of each image in a split: "" of one that takes part in nothing, NEW, or UNKNOWN."""
    if not split.is_file():
        if side != ALL:
            raise FileNotFoundError(f"no {split} says which images the run has seen: side=all scores all, seen or not")
        return np.full(len(store), UNKNOWN)
    known = read_split(split)
    return np.array([known.get(id, NEW) for id in store.ids.tolist()])


def _nothing(store: Store, sides: NDArray[np.str_], side: str, several: bool) -> str:
    if several:
        return f"no image of {store.path} is on side {TEST if side == UNSEEN else side} of every run: {OUT_OF_FOLD}"
    names, counts = np.unique(sides, return_counts=True)
    there = ", ".join(f"{name or 'no side'} {count}" for name, count in zip(names.tolist(), counts, strict=True))
    return f"side={side}: no image of {store.path} is there; in the split of the run they are: {there}"


def _line(sides: NDArray[np.str_], chosen: NDArray[np.bool_]) -> str:
    """How many images are chosen, and how many of them a run has seen."""
    images = f"{chosen.sum()} of {len(chosen)} images"
    trained, validated, unknown = ((sides[:, chosen] == name).any(0).sum() for name in (*SEEN, UNKNOWN))
    if unknown:
        return f"{images}; no {SPLIT} says which of them the run has seen: their scores may be too good"
    seen = [f"{trained} trained a run" if trained else "", f"{validated} chose its epoch" if validated else ""]
    if any(seen):
        return f"{images}, of which {' and '.join(filter(None, seen))}: the scores of those are too good"
    return f"{images}, none of which a run has seen"
