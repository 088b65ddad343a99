"""Tests of cases: looked up by name in any order of the store and the predictions."""

from pathlib import Path

import numpy as np
import pytest

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.evaluation.images import OUTCOMES, Case, find_in
from dermoscopy.masks.predicted import PredictedMasks

INDEX = [7, 3, 50]


@pytest.fixture
def store(demo_store: Path) -> Store:
    return open_store(demo_store)


def predicted(store: Store, exclusive: bool = False) -> PredictedMasks:
    """Return predicted masks of a few images; images and masks in another order than in the store."""
    names = store.mask_names[::-1]
    rng, shape = np.random.default_rng(0), (len(INDEX), *store.size)
    shares = (
        rng.dirichlet(np.full(len(names) + 1, 0.3), shape)[..., 1:] if exclusive else rng.random((*shape, len(names)))
    )
    probability = (255 * shares).astype(np.uint8)
    return PredictedMasks(store.ids[INDEX], names, exclusive, store.fingerprint, probability)


def case(truth: list[int], present: list[bool]) -> Case:
    plane = np.array([truth], np.uint8)
    image = np.zeros((1, len(truth), 3), np.uint8)
    return Case("a", "lesion", image, plane, np.zeros(plane.shape), np.array([present]))


def test_pixels_truth_and_prediction_are_of_the_same_image_and_mask(store: Store) -> None:
    masks = predicted(store)
    find = find_in(store, masks)
    for place, row in enumerate(INDEX):
        for channel, name in enumerate(masks.names):
            one = find(str(store.ids[row]), name)
            assert (one.image == store.image()[row]).all()
            assert (one.truth == store.mask()[row][..., store.mask_names.index(name)]).all()
            assert (one.probability == masks.probability[place, ..., channel] / 255).all()
            assert (one.predicted == (masks.probability[place, ..., channel] > 127.5)).all()


def test_the_likeliest_exclusive_mask_is_predicted_and_a_pixel_is_known_in_all_or_none(store: Store) -> None:
    masks = predicted(store, exclusive=True)
    find = find_in(store, masks)
    cases = [find(str(store.ids[3]), name) for name in masks.names]
    assert np.stack([one.predicted for one in cases]).sum(0).max() == 1
    unknown = np.stack([one.truth == NOT_ANNOTATED for one in cases])
    assert (unknown.all(0) == unknown.any(0)).all()


def test_every_pixel_has_one_outcome() -> None:
    outcome = case([1, 0, 1, 0, NOT_ANNOTATED], [True, True, False, False, True]).outcome
    assert [OUTCOMES[kind] for kind in outcome.ravel()] == list(OUTCOMES)


def test_dice_uses_only_known_pixels() -> None:
    assert case([1, 1, 0, NOT_ANNOTATED], [True, False, True, True]).dice == pytest.approx(
        2 / 4
    )  # 2 tp / (2 tp + 1 + 1)
    assert case([1, 0], [True, False]).dice == 1
    assert case([1, 0], [False, True]).dice == 0


def test_masks_of_another_store_and_names_without_prediction_are_refused(store: Store) -> None:
    masks = predicted(store)
    other = PredictedMasks(masks.ids, masks.names, False, "another", masks.probability)
    with pytest.raises(ValueError, match=f"{store.path}"):
        find_in(store, other)
    find = find_in(store, masks)
    with pytest.raises(ValueError, match=r"'hair'.*lesion"):
        find(str(store.ids[7]), "hair")
    with pytest.raises(ValueError, match=f"{store.ids[4]}"):
        find(str(store.ids[4]), "lesion")
