"""The subset of every image of a store."""

from collections.abc import Callable, Sequence
from inspect import signature

import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.batches.arguments import positions
from dermoscopy.data.splits import RareClass
from dermoscopy.data.store.reader import Store

Split = Callable[..., NDArray[np.str_]]


def subsets(
    store: Store,
    split: Split,
    seed: int,
    stratify: Sequence[str] | None,
    labels: Sequence[str],
    masks: Sequence[str],
) -> NDArray[np.str_]:
    """Return the subset of every image of a store, see `dermoscopy.data.splits`.

    Args:
        store: the images.
        split: function of (ids, groups, labels, seed), and of the store's official split if it asks for it.
        seed: of the split.
        stratify: names of the store's labels by which the split is stratified; None: `labels` or, without any, those
            named like the masks.
        labels, masks: that are used.

    Raises:
        ValueError: the split cannot be made.
    """
    if stratify is None:  # in a segmentation by the presence of its masks, where the store has labels of it
        stratify = labels or [name for name in masks if name in store.label_names]
    columns = positions(stratify, store.label_names, "data.stratify", store.path)
    known = {"official": store.official} if "official" in signature(split).parameters else {}
    try:
        return split(store.ids, store.groups, store.label[:, columns], seed, **known)
    except RareClass as error:
        raise ValueError(error.named(stratify)) from None
