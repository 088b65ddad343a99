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
SUBSETS = (TEST, ALL, "val", HOLDOUT)
NEW = "new"  # an image that the split does not name
UNKNOWN = "unknown"  # where there is no split
OUT_OF_FOLD = "of folds, score each image by the run that has not seen it: the out-of-fold table of report.py"


class Chosen(NamedTuple):
    """Rows (n,) of a store in their order, what they are called, a line that says what they are, if all are new."""

    rows: NDArray[np.intp]
    subset: str
    line: str
    unseen: bool


def choose_rows(store: Store, stages: Sequence[RecordedStage], subset: str | None) -> Chosen:
    """Choose images of a store by the subsets that they have in the splits of runs.

    An image is known by its id, so the same images at another size are no new ones.

    Args:
        store: the images.
        stages: of the runs; each has its split.csv beside its weights.
        subset: a subset, which an image must have in the split of every run, or all; None: all images if no split names
            any of them, else those of the test subset and those that no split names.

    Raises:
        ValueError: there is no such subset or no such image, or several runs would score what one of them learnt from.
        FileNotFoundError: there is no split.csv, and not all are asked for.
    """
    if subset not in (None, *SUBSETS):
        raise ValueError(f"subset must be one of {', '.join(SUBSETS)}, got {subset!r}{nearest(str(subset), SUBSETS)}")
    subsets = np.stack(
        [_subsets(store, stage.checkpoint.with_name(SPLIT), subset) for stage in stages]
    )  # (runs, images)
    if subset is None:
        chosen = np.all(np.isin(subsets, (TEST, NEW)), axis=0)
        subset = ALL if (subsets == NEW).all() else UNSEEN if (subsets == NEW).any() else TEST
    else:
        chosen = np.all((subsets == subset) | (subset == ALL), axis=0)
    several, seen = len(stages) > 1, np.isin(subsets, SEEN).any(0)
    if several and subset == ALL and seen.any():
        raise ValueError(f"subset=all: {seen.sum()} images of {store.path} were seen by a run; {OUT_OF_FOLD}")
    if not chosen.any():
        raise ValueError(_nothing(store, subsets, subset, several))
    unseen = not np.isin(subsets[:, chosen], (*SEEN, UNKNOWN)).any()
    return Chosen(np.flatnonzero(chosen), subset, f"subset {subset}: {_line(subsets, chosen)}", unseen)


def _subsets(store: Store, split: Path, subset: str | None) -> NDArray[np.str_]:
    """The subset of each image in a split: "" of one that takes part in nothing, NEW, or UNKNOWN."""
    if not split.is_file():
        if subset != ALL:
            raise FileNotFoundError(
                f"no {split} says which images the run has seen: subset=all scores all, seen or not"
            )
        return np.full(len(store), UNKNOWN)
    known = read_split(split)
    return np.array([known.get(id, NEW) for id in store.ids.tolist()])


def _nothing(store: Store, subsets: NDArray[np.str_], subset: str, several: bool) -> str:
    if several:
        return (
            f"no image of {store.path} is on subset {TEST if subset == UNSEEN else subset} of every run: {OUT_OF_FOLD}"
        )
    names, counts = np.unique(subsets, return_counts=True)
    there = ", ".join(f"{name or 'no subset'} {count}" for name, count in zip(names.tolist(), counts, strict=True))
    return f"subset={subset}: no image of {store.path} is there; in the split of the run they are: {there}"


def _line(subsets: NDArray[np.str_], chosen: NDArray[np.bool_]) -> str:
    """How many images are chosen, and how many of them a run has seen."""
    images = f"{chosen.sum()} of {len(chosen)} images"
    trained, validated, unknown = ((subsets[:, chosen] == name).any(0).sum() for name in (*SEEN, UNKNOWN))
    if unknown:
        return f"{images}; no {SPLIT} says which of them the run has seen: their scores may be too good"
    seen = [f"{trained} trained a run" if trained else "", f"{validated} chose its epoch" if validated else ""]
    if any(seen):
        return f"{images}, of which {' and '.join(filter(None, seen))}: the scores of those are too good"
    return f"{images}, none of which a run has seen"
