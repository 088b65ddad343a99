"""Splits into train, val and test: grouped, stratified, determined by (ids, groups, labels, seed) alone.

Every function returns one subset per image, in the order of `ids`: "train", "val", "test", "holdout" for images that
no fold and no seed uses, or "" for images that are not used at all.
"""

import random
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Strings = NDArray[np.str_]
Labels = NDArray[np.int8]  # (N, L): 0, 1, -1 unknown
SUBSETS = ("train", "val", "test")
HOLDOUT = "holdout"
EVERY_SUBSET = (*SUBSETS, HOLDOUT)


class RareClass(ValueError):
    """A class of a label with fewer groups than there are folds.

    Attributes:
        facts: column of the label, "with" or "without" it, number of groups, number of folds.
    """

    def __init__(self, column: int, word: str, count: int, k: int, name: str | None = None) -> None:
        label = f"label number {column + 1}" if name is None else repr(name)
        super().__init__(
            f"split.k={k} folds are more than the {count} groups {word} {label}: "
            "lower split.k, or choose other labels to stratify by (data.stratify)"
        )
        self.facts = column, word, count, k

    def named(self, names: Sequence[str]) -> str:
        """Return the same message with the label's name, since a split knows labels only by column."""
        return str(RareClass(*self.facts, names[self.facts[0]]))


def random_split(
    ids: Strings, groups: Strings, labels: Labels, seed: int, val: float = 0.15, test: float = 0.15
) -> Strings:
    """Split at random into train, val and test with the given fractions of the images."""
    if min(val, test) < 0 or val + test >= 1:
        raise ValueError(f"split.val and split.test must be at least 0 and sum to less than 1, got {val} and {test}")
    return np.array(SUBSETS)[stratified(ids, groups, labels, [1 - val - test, val, test], seed)]


def folds(
    ids: Strings,
    groups: Strings,
    labels: Labels,
    seed: int,
    k: int = 5,
    fold: int = 0,
    val: float = 0.15,
    holdout: float = 0,
    holdout_seed: int = 0,
) -> Strings:
    """Split into fold `fold` of `k` as test, and the rest into train and val, val being a fraction of the rest.

    The k folds depend on `seed` only, so every fold of one seed belongs to the same partition. `holdout` is the
    fraction of the images set aside beforehand; it depends on `holdout_seed` only, so it is the same for all folds.

    Raises:
        ValueError: a fold or a fraction is out of range.
        RareClass: a class of a label has fewer groups than k.
    """
    if k < 2 or not 0 <= fold < k:
        raise ValueError(f"split.fold must lie in 0 ... k-1 with k at least 2, got fold {fold} of {k}")
    subset = np.full(len(ids), HOLDOUT)
    used = np.flatnonzero(~_held_out(ids, groups, labels, holdout, holdout_seed))
    _check_classes(groups[used], labels[used], k)
    tested = stratified(ids[used], groups[used], labels[used], [1 / k] * k, seed) == fold
    subset[used[tested]] = "test"
    rest = used[~tested]
    inner = stratified(ids[rest], groups[rest], labels[rest], [1 - val, val], seed + 1 + fold)
    subset[rest] = np.array(SUBSETS)[inner]
    return subset


def tuning(
    ids: Strings,
    groups: Strings,
    labels: Labels,
    seed: int,
    val: float = 0.15,
    holdout: float = 0.2,
    holdout_seed: int = 0,
) -> Strings:
    """Split for choosing settings: test on the images that `folds` with the same holdout leave out of every fold.

    The rest is split into train and val, val being a fraction of it. Nothing depends on `seed`, so settings that are
    compared over several seeds see the same images. What is chosen by these tests is unbiased in the folds, which
    never test on the holdout.
    """
    if not 0 < holdout < 1:
        raise ValueError(f"split.holdout must lie between 0 and 1, as the holdout is tested here, got {holdout}")
    held = _held_out(ids, groups, labels, holdout, holdout_seed)
    subset = np.where(held, "test", "train").astype("<U5")
    rest = np.flatnonzero(~held)
    subset[rest] = np.array(SUBSETS)[stratified(ids[rest], groups[rest], labels[rest], [1 - val, val], holdout_seed)]
    return subset


def _held_out(ids: Strings, groups: Strings, labels: Labels, holdout: float, seed: int) -> NDArray[np.bool_]:
    """Return which images are set aside: a fraction of them, whole groups, stratified."""
    if not 0 <= holdout < 1:
        raise ValueError(f"split.holdout must lie in [0, 1), got {holdout}")
    if not holdout:
        return np.zeros(len(ids), dtype=bool)
    return stratified(ids, groups, labels, [1 - holdout, holdout], seed) == 1


def ten_shuffles(
    ids: Strings, groups: Strings, labels: Labels, seed: int, train: int = 1900, val: float = 0.15
) -> Strings:
    """Split as the zeroing study did: sort the ids, shuffle by `random.Random(seed)`, train on the first `train`.

    The study selected its epoch on the remaining images and reported that score. Here they are the test subset, and val
    is taken from the training images. A group that the study split is kept whole in training, so the test subset is
    slightly smaller.
    """
    shuffled = sorted(ids.tolist())
    if not 0 < train < len(shuffled):
        raise ValueError(
            f"split.train must lie between 1 and the {len(shuffled) - 1} images before the last, got {train}"
        )
    random.Random(seed).shuffle(shuffled)
    trained = np.isin(groups, groups[np.isin(ids, shuffled[:train])])
    subset = np.full(len(ids), "test", dtype="<U5")
    inner = stratified(ids[trained], groups[trained], labels[trained], [1 - val, val], seed)
    subset[trained] = np.array(SUBSETS)[inner]
    return subset


def check(subset: Strings, groups: Strings, labels: Labels, names: Sequence[str]) -> None:
    """Raise ValueError if a group is in two subsets, a subset is empty, or a subset lacks a class of a label."""
    subsets = pd.DataFrame({"group": groups, "subset": subset}).query("subset != ''").drop_duplicates()
    torn = subsets["group"][subsets["group"].duplicated()].tolist()
    if torn:
        raise ValueError(
            f"the split puts group {torn[0]} ({len(torn)} such groups) in two subsets: its images would leak"
        )
    for part in SUBSETS:
        codes = labels[subset == part]
        if len(codes) == 0:
            _refuse_empty(part, len(np.unique(groups[subset != ""])))
        for name, column in zip(names, codes.T, strict=True):
            for value, word in ((1, "with"), (0, "without")):
                if not (column == value).any():
                    _refuse_class(part, word, name, anywhere=bool((labels == value)[:, names.index(name)].any()))


def _refuse_empty(part: str, count: int) -> None:
    if count < len(SUBSETS):
        raise ValueError(
            f"the split leaves the {part} subset empty, as the images are in {count} groups, which stay whole: "
            "data.source.group_column must name a column of more groups, or prepare more images"
        )
    raise ValueError(
        f"the split leaves the {part} subset empty: prepare more images, or give it a larger part of them "
        "(split.val, split.test or split.k, with split=file the rows of split.file)"
    )


def _refuse_class(part: str, word: str, name: str, anywhere: bool) -> None:
    if not anywhere:
        raise ValueError(
            f"the data have no image {word} {name!r}: see what data.source.columns takes for it and what the CSV "
            "holds, or leave the label out (data.labels=[...])"
        )
    raise ValueError(
        f"the split leaves the {part} subset no image {word} {name!r}: prepare more images, "
        f"enlarge that subset, or leave the label out (data.labels=[...])"
    )


def _check_classes(groups: Strings, labels: Labels, k: int) -> None:
    """Refuse a class too rare for every fold to hold one of its groups; classes without any group pass."""
    for column, codes in enumerate(labels.T):
        for value, word in ((1, "with"), (0, "without")):
            count = len(np.unique(groups[codes == value]))
            if 0 < count < k:
                raise RareClass(column, word, count, k)


def stratified(
    ids: Strings, groups: Strings, labels: Labels, fractions: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """Return one part per image: groups kept whole, the positives of every label distributed by `fractions`.

    Iterative stratification (Sechidis et al. 2011, doi 10.1007/978-3-642-23808-6_10) over groups: the label with the
    fewest remaining groups goes first, and each of its groups to the part that lacks it most.
    """
    order = np.argsort(ids)  # the result depends on the set of images, not on their order in the store
    names, member = np.unique(groups[order], return_inverse=True)
    counts = np.zeros((len(names), labels.shape[1] + 1))  # positives of each label and, last, images of each group
    np.add.at(counts, member, np.column_stack([labels[order] == 1, np.ones(len(ids))]))
    lacking = np.outer(fractions, counts.sum(0))  # (parts, L + 1)
    part = np.full(len(names), -1)
    drawn = np.random.default_rng(seed).permutation(len(names))
    while (left := drawn[part[drawn] < 0]).size:
        remaining = (counts[left, :-1] > 0).sum(0)
        label = int(np.where(remaining > 0, remaining, np.inf).argmin()) if remaining.any() else -1
        for group in left[counts[left, label] > 0]:
            part[group] = max(range(len(fractions)), key=lambda p: (lacking[p, label], lacking[p, -1]))
            lacking[part[group]] -= counts[group]
    result = np.empty(len(ids), dtype=np.int64)
    result[order] = part[member]
    return result
