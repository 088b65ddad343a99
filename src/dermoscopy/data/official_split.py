"""The official split of a data set as a split of its store."""

import numpy as np

from dermoscopy.data.splits import SUBSETS, Labels, Strings, stratified


def official_split(
    ids: Strings,
    groups: Strings,
    labels: Labels,
    seed: int,
    official: Strings | None,
    val: float = 0.15,
    overlap: str = "stop",
) -> Strings:
    """Split as the data set officially does; without official validation images, `val` of the others is taken for it.

    Args:
        ids, groups, labels: of the images.
        seed: of the validation subset, where there is no official one.
        official: subset of each image in the official split, "" for none; None: the data set has none.
        val: fraction of the official training images.
        overlap: of a group with images on both sides, `stop` refuses the split and `drop` leaves its images out of
            training and validation, so that no lesion is tested that was seen in training.

    Raises:
        ValueError: there is no official split, or it has no training or test images; a value is wrong.
    """
    if official is None:
        raise ValueError("this store holds no official split (data.source.official): choose another one, split=random")
    if overlap not in ("stop", "drop"):
        raise ValueError(f"split.overlap must be stop or drop, got {overlap}")
    if not 0 < val < 1:
        raise ValueError(f"split.val must lie between 0 and 1, got {val}")
    counts = {name: int((official == name).sum()) for name in SUBSETS}
    if not counts["train"] or not counts["test"]:
        held = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"the official split needs training and test images; this store has {held}: add the others")
    subset = official.astype("<U5")
    if overlap == "drop":
        for kept, left in (("test", ("train", "val")), ("val", ("train",))):
            subset[np.isin(groups, groups[subset == kept]) & np.isin(subset, left)] = ""
    if not counts["val"]:
        rest = np.flatnonzero(subset == "train")
        subset[rest] = np.array(SUBSETS)[stratified(ids[rest], groups[rest], labels[rest], [1 - val, val], seed)]
    return subset
