"""Tests of original mask files: available for all images or refused, and read at their original size."""

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
    return {id: read_original(one, exclusive) for id, one in zip(store.ids, originals, strict=True)}


def test_masks_have_the_size_of_their_files_and_the_requested_order(material) -> None:
    masks = read(*material, ["streaks", "lesion"])
    assert (masks["b"][0] == STREAKS).all() and (masks["b"][1] == LESION).all()
    assert (masks["a"][1] == ~LESION).all()


def test_a_mask_without_a_file_is_not_annotated_nor_are_its_exclusive_others(material) -> None:
    assert (read(*material, ["streaks"])["a"][0] == NOT_ANNOTATED).all()
    one, other = (read(*material, ["lesion", "streaks"], exclusive=exclusive)["a"][0] for exclusive in (False, True))
    assert (one == ~LESION).all()
    assert (other == NOT_ANNOTATED).all() and other.shape == (10, 20)


def test_missing_masks_and_images_are_named(material) -> None:
    store, source = material
    ids = store.ids.tolist()
    for requested, names, message in (
        (None, ["lesion"], r"data\.raw"),
        (source, ["lesion", "hair"], "hair"),
    ):
        with pytest.raises(NoOriginals, match=message):
            find_originals(requested, ids, store.frame, names)
    with pytest.raises(NoOriginals, match=f"x and 1 more.*{source.root}"):
        find_originals(source, [*ids, "x", "y"], store.frame, ["lesion"])


def test_a_missing_folder_is_named(material, tmp_path: Path) -> None:
    store, source = material
    with pytest.raises(NoOriginals, match="gone"):
        find_originals(replace(source, root=tmp_path / "gone"), store.ids.tolist(), store.frame, ["lesion"])


def test_an_unusable_file_is_named(material) -> None:
    store, source = material
    (original,) = find_originals(source, ["b"], store.frame[store.ids == "b"], ["lesion"])
    assert original.masks[0] is not None
    original.masks[0][0].write_bytes(b"no picture")
    with pytest.raises(NoOriginals, match=f"{original.masks[0][0]}"):
        read_original(original, False)
