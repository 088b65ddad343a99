"""Original mask files: found for every image or for none, and read at their own size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store
from dermoscopy.evaluation.originals import NoOriginals, find_originals, read_original

LESION = np.zeros((10, 20), bool)
LESION[2:5, 3:9] = True
STREAKS = np.zeros((10, 20), bool)
STREAKS[3, 4] = True
MASKS = {"b": {"lesion": LESION, "streaks": STREAKS}, "a": {"lesion": ~LESION}}


@pytest.fixture
def material(make_store) -> tuple[Store, FolderSource]:
    return make_store(MASKS, (8, 8), "pad")


def read(store: Store, source: FolderSource, names: list[str], exclusive: bool = False) -> dict[str, list[np.ndarray]]:
    originals = find_originals(source, store.ids.tolist(), store.frame, names)
    return {id: read_original(one, False, exclusive) for id, one in zip(store.ids, originals, strict=True)}


def test_masks_come_at_the_size_of_their_files_in_the_order_that_is_asked_for(material) -> None:
    found = read(*material, ["streaks", "lesion"])
    assert (found["b"][0] == STREAKS).all() and (found["b"][1] == LESION).all()
    assert (found["a"][1] == ~LESION).all()


def test_a_mask_that_has_no_file_is_not_annotated_and_of_exclusive_ones_no_other_is(material) -> None:
    assert (read(*material, ["streaks"])["a"][0] == NOT_ANNOTATED).all()
    one, other = (read(*material, ["lesion", "streaks"], exclusive=exclusive)["a"][0] for exclusive in (False, True))
    assert (one == ~LESION).all()
    assert (other == NOT_ANNOTATED).all() and other.shape == (10, 20)


def test_what_is_missing_is_said(material) -> None:
    store, source = material
    ids = store.ids.tolist()
    for asked, names, told in (
        (None, ["lesion"], r"data\.raw"),
        (source, ["lesion", "hair"], "hair"),
    ):
        with pytest.raises(NoOriginals, match=told):
            find_originals(asked, ids, store.frame, names)
    with pytest.raises(NoOriginals, match=f"x and 1 more.*{source.root}"):
        find_originals(source, [*ids, "x", "y"], store.frame, ["lesion"])


def test_a_folder_that_has_gone_is_no_original(material, tmp_path: Path) -> None:
    store, source = material
    with pytest.raises(NoOriginals, match="gone"):
        find_originals(replace(source, root=tmp_path / "gone"), store.ids.tolist(), store.frame, ["lesion"])


def test_a_file_that_has_become_unusable_is_named(material) -> None:
    store, source = material
    (original,) = find_originals(source, ["b"], store.frame[store.ids == "b"], ["lesion"])
    assert original.masks[0] is not None
    original.masks[0].write_bytes(b"no picture")
    with pytest.raises(NoOriginals, match=f"{original.masks[0]}"):
        read_original(original, False, False)
