"""Selection of the images of a store to score: by default only images that no run has seen in training."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.splits import HOLDOUT
from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import nearest
from dermoscopy.predict.folders import first_of
from dermoscopy.runs.files import SPLIT
from dermoscopy.runs.recorded import RecordedStage
from dermoscopy.runs.splits import SEEN, read_split, seen_in_training

ALL, TEST, UNSEEN = "all", "test", "unseen"
SUBSETS = (TEST, ALL, "val", HOLDOUT)
NEW = "new"  # an image that is not in the split
UNKNOWN = "unknown"  # if there is no split
OUT_OF_FOLD = "for folds, score each image by the run that has not seen it: the out-of-fold table of report.py"


class RowSelection(NamedTuple):
    """Rows (n,) of a store in their order, the subset's name, a line that describes it, and whether all are unseen."""

    rows: NDArray[np.intp]
    subset: str
    line: str
    unseen: bool


def choose_rows(store: Store, stages: Sequence[RecordedStage], subset: str | None) -> RowSelection:
    """Choose images of a store by their subsets in the splits of runs.

    Images are identified by their ids, so the same images at another size do not count as new.

    Args:
        store: the images.
        stages: of the runs; each has its split.csv beside its weights.
        subset: the subset that an image must have in the split of every run, or all; None: all images if no split has
            any of them, else those of the test subset and those that no split has.

    Raises:
        ValueError: an unknown or empty subset, or several runs would score images that one of them was trained on.
        FileNotFoundError: there is no split.csv, and `subset` is not all.
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
    return RowSelection(np.flatnonzero(chosen), subset, f"subset {subset}: {_line(subsets, chosen)}", unseen)


def _subsets(store: Store, split: Path, subset: str | None) -> NDArray[np.str_]:
    """Return the subset of each image in a split: "" for an unused image, NEW, or UNKNOWN."""
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
            f"no image of {store.path} is in subset {TEST if subset == UNSEEN else subset} of every run: {OUT_OF_FOLD}"
        )
    names, counts = np.unique(subsets, return_counts=True)
    available = ", ".join(f"{name or 'no subset'} {count}" for name, count in zip(names.tolist(), counts, strict=True))
    return f"subset={subset}: no image of {store.path} is in it; images per subset in the split of the run: {available}"


def _line(subsets: NDArray[np.str_], chosen: NDArray[np.bool_]) -> str:
    """Return how many images are chosen, and how many of them a run has seen."""
    images = f"{chosen.sum()} of {len(chosen)} images"
    trained, validated, unknown = ((subsets[:, chosen] == name).any(0).sum() for name in (*SEEN, UNKNOWN))
    if unknown:
        return f"{images}; no {SPLIT} says which of them the run has seen: their scores may be too good"
    seen = [f"{trained} from training" if trained else "", f"{validated} from validation" if validated else ""]
    if any(seen):
        return f"{images}, of which {' and '.join(filter(None, seen))} of a run: their scores are too good"
    return f"{images}, none of which a run has seen"


def seen_images(ids: Collection[str], stages: Iterable[RecordedStage]) -> list[str]:
    """Return lines that say how many images have the ids of images that runs have seen in training.

    Folders above an image do not count, because a store may name its images without them.
    """
    lines = []
    for folder in dict.fromkeys(stage.folder for stage in stages):
        if not (folder / SPLIT).is_file():
            lines.append(f"no {folder / SPLIT} says which images the run has seen in training")
        seen = {bare(id) for id in seen_in_training(folder) or ()}
        if same := sorted(id for id in ids if bare(id) in seen):
            lines.append(
                f"{len(same)} of {len(ids)} images have the names of images that {folder} was trained or validated on "
                f"({first_of(same)}): it predicts those better than new ones"
            )
    return lines


def bare(id: str) -> str:
    """Return the name of an image without the folders above it."""
    return id.rpartition("/")[2]
