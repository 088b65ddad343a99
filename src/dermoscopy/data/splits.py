"""Splits into train, val and test: grouped, stratified, a function of (ids, groups, labels, seed) alone.

Every function returns one side for each image, in the order of ``ids``: "train", "val", "test", or "holdout" for what
no fold and no seed ever sees, or "" for what takes part in nothing.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.machine.files import write_atomically

Strings = NDArray[np.str_]
Labels = NDArray[np.int8]  # (N, L): 0, 1, -1 unknown
SIDES = ("train", "val", "test")
HOLDOUT = "holdout"
EVERY_SIDE = (*SIDES, HOLDOUT)


class RareClass(ValueError):
    """A class of a label has fewer groups than there are folds.

    Attributes:
        facts: column of the label, "with" or "without" it, number of groups, number of folds.
    """

    def __init__(self, column: int, word: str, count: int, k: int, name: str | None = None) -> None:
        label = f"label number {column + 1}" if name is None else repr(name)
        super().__init__(
            f"split.k={k} folds are more than the {count} groups {word} {label}: "
            "lower split.k, or choose other labels to stratify by (datamodule.stratify)"
        )
        self.facts = column, word, count, k

    def named(self, names: Sequence[str]) -> str:
        """Return the same message with the label's name: a split knows the labels by their columns only."""
        return str(RareClass(*self.facts, names[self.facts[0]]))


def holdout(ids: Strings, groups: Strings, labels: Labels, seed: int, val: float = 0.15, test: float = 0.15) -> Strings:
    """Split at random into train, val and test with the given fractions of the images."""
    if min(val, test) < 0 or val + test >= 1:
        raise ValueError(f"split.val and split.test must be at least 0 and sum to less than 1, got {val} and {test}")
    return np.array(SIDES)[_stratify(ids, groups, labels, [1 - val - test, val, test], seed)]


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
    """Test on fold ``fold`` of ``k``; the rest is train and val, val being a fraction of the rest.

    The k folds depend on ``seed`` only, so every fold of one seed belongs to the same partition. ``holdout`` is the
    fraction of the images that is set aside before; it depends on ``holdout_seed`` only, so it is the same for all.

    Raises:
        ValueError: a fold or a fraction that cannot be; RareClass: a class of a label has fewer groups than k.
    """
    if k < 2 or not 0 <= fold < k:
        raise ValueError(f"split.fold must lie in 0 ... k-1 with k at least 2, got fold {fold} of {k}")
    if not 0 <= holdout < 1:
        raise ValueError(f"split.holdout must lie in [0, 1), got {holdout}")
    side = np.full(len(ids), HOLDOUT)
    seen = np.arange(len(ids))
    if holdout:
        seen = np.flatnonzero(_stratify(ids, groups, labels, [1 - holdout, holdout], holdout_seed) == 0)
    _check_classes(groups[seen], labels[seen], k)
    tested = _stratify(ids[seen], groups[seen], labels[seen], [1 / k] * k, seed) == fold
    side[seen[tested]] = "test"
    rest = seen[~tested]
    inner = _stratify(ids[rest], groups[rest], labels[rest], [1 - val, val], seed + 1 + fold)
    side[rest] = np.array(SIDES)[inner]
    return side


def s0(ids: Strings, groups: Strings, labels: Labels, seed: int, train: int = 1900, val: float = 0.15) -> Strings:
    """The shuffle of system S0: ids in order, ``random.Random(seed)``, the first ``train`` are its training images.

    S0 chose its epoch on the others and reported that; here they are the test side, and val is taken from S0's
    training images. A group that S0 tore apart is kept whole in training, so the test side is a little smaller.
    """
    shuffled = sorted(ids.tolist())
    if not 0 < train < len(shuffled):
        raise ValueError(
            f"split.train must lie between 1 and the {len(shuffled) - 1} images before the last, got {train}"
        )
    random.Random(seed).shuffle(shuffled)
    trained = np.isin(groups, groups[np.isin(ids, shuffled[:train])])
    side = np.full(len(ids), "test", dtype="<U5")
    inner = _stratify(ids[trained], groups[trained], labels[trained], [1 - val, val], seed)
    side[trained] = np.array(SIDES)[inner]
    return side


def from_file(ids: Strings, groups: Strings, labels: Labels, seed: int, file: str | Path) -> Strings:
    """Read the sides from a CSV of your own, or of ``write_split``, with columns ``id`` and ``side``, perhaps others.

    An image that it does not name, or whose side is empty, has the side "" and takes part in nothing.
    """
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if not {"id", "side"} <= set(table):
        raise ValueError(f"{file} needs the columns id and side, it has {list(table)}")
    doubled = table["id"][table["id"].duplicated()].tolist()
    if doubled:
        raise ValueError(f"{file} names {doubled[0]} more than once")
    strange = sorted(set(table["side"]) - {*EVERY_SIDE, ""})
    if strange:
        raise ValueError(f"{file} has the side {strange[0]!r}, but a side is one of {list(EVERY_SIDE)}")
    unknown = sorted(set(table["id"]) - set(ids.tolist()))
    if unknown:
        raise ValueError(f"{file} names {unknown[0]} ({len(unknown)} such ids), which the store does not have")
    side = dict(zip(table["id"], table["side"], strict=True))
    return np.array([side.get(name, "") for name in ids.tolist()])


def write_split(path: str | Path, ids: Strings, groups: Strings, side: Strings) -> Path:
    """Write the sides as a CSV with columns id, group and side, which ``split=file`` reads back; return its path."""
    table = pd.DataFrame({"id": ids, "group": groups, "side": side})
    return write_atomically(Path(path), table.to_csv(index=False))


def check(side: Strings, groups: Strings, labels: Labels, names: Sequence[str]) -> None:
    """Raise ValueError if a group stands on two sides, a side is empty, or a side lacks a class of a label."""
    sides = pd.DataFrame({"group": groups, "side": side}).query("side != ''").drop_duplicates()
    torn = sides["group"][sides["group"].duplicated()].tolist()
    if torn:
        raise ValueError(
            f"the split puts group {torn[0]} ({len(torn)} such groups) on two sides: images of it would leak"
        )
    for part in SIDES:
        here = labels[side == part]
        if len(here) == 0:
            raise ValueError(f"the split leaves the {part} side empty: prepare more images or change split.{part}")
        for name, column in zip(names, here.T, strict=True):
            for value, word in ((1, "with"), (0, "without")):
                if not (column == value).any():
                    _refuse_class(part, word, name, anywhere=bool((labels == value)[:, names.index(name)].any()))


def _refuse_class(part: str, word: str, name: str, anywhere: bool) -> None:
    if not anywhere:
        raise ValueError(
            f"the data have no image {word} {name!r}: see what data.source.columns takes for it and what the CSV "
            "holds, or leave the label out (data.labels=[...])"
        )
    raise ValueError(
        f"the split leaves the {part} side no image {word} {name!r}: prepare more images, "
        f"enlarge that side, or leave the label out (data.labels=[...])"
    )


def _check_classes(groups: Strings, labels: Labels, k: int) -> None:
    """Refuse a class too rare for every fold to have one of it; a class that nobody has is no matter of the folds."""
    for column, codes in enumerate(labels.T):
        for value, word in ((1, "with"), (0, "without")):
            count = len(np.unique(groups[codes == value]))
            if 0 < count < k:
                raise RareClass(column, word, count, k)


def _stratify(
    ids: Strings, groups: Strings, labels: Labels, fractions: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """Return a part for each image, whole groups together, the classes of every label spread by ``fractions``.

    Iterative stratification (Sechidis et al. 2011, doi 10.1007/978-3-642-23808-6_10) over groups: the label with the
    fewest groups left goes first, each of its groups to the part that lacks most of it.
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
