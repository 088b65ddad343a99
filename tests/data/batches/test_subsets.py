"""The subsets of a store follow from its split, also from the official one that it holds."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from builders import composed
from miniatures import isic2017

from dermoscopy.config.data import make_store
from dermoscopy.data.batches.subsets import subsets
from dermoscopy.data.official_split import official_split
from dermoscopy.data.splits import random_split
from dermoscopy.data.store.reader import Store, open_store


def test_a_split_gets_the_official_subsets_if_it_asks_for_them(tmp_path: Path) -> None:
    isic2017(tmp_path / "raw")
    typed = ["data=isic2017", f"data.raw={tmp_path / 'raw'}", f"data.store={tmp_path / 's.h5'}", "data.size=[16,16]"]
    store = open_store(make_store(composed("prepare", *typed).data))
    found = subsets(store, official_split, 0, None, ["melanoma"], [])
    assert store.official is not None and (found == store.official).all()
    assert Counter(found.tolist()) == {"train": 8, "val": 3, "test": 4}


def test_a_store_without_one_refuses_it_and_takes_others(demo_store: Path) -> None:
    store: Store = open_store(demo_store)
    with pytest.raises(ValueError, match="this store holds no official split"):
        subsets(store, official_split, 0, [], [], ["lesion"])
    found = subsets(store, partial(random_split, val=0.2, test=0.2), 0, [], [], ["lesion"])
    assert set(found) == {"train", "val", "test"}
