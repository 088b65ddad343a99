"""One mask of one image: found by name, whatever the order of the store and of the predictions."""

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
    """Masks of a few images, in another order than the store's, the masks as well."""
    names = store.mask_names[::-1]
    rng, shape = np.random.default_rng(0), (len(INDEX), *store.size)
    shares = (
        rng.dirichlet(np.full(len(names) + 1, 0.3), shape)[..., 1:] if exclusive else rng.random((*shape, len(names)))
    )
    probability = (255 * shares).astype(np.uint8)
    return PredictedMasks(store.ids[INDEX], names, exclusive, store.fingerprint, probability)


def case(truth: list[int], decided: list[bool]) -> Case:
    plane = np.array([truth], np.uint8)
    image = np.zeros((1, len(truth), 3), np.uint8)
    return Case("a", "lesion", image, plane, np.zeros(plane.shape), np.array([decided]))


def test_pixels_truth_and_prediction_are_of_the_same_image_and_mask(store: Store) -> None:
    masks = predicted(store)
    find = find_in(store, masks)
    for place, row in enumerate(INDEX):
        for channel, name in enumerate(masks.names):
            found = find(str(store.ids[row]), name)
            assert (found.image == store.image()[row]).all()
            assert (found.truth == store.mask()[row][..., store.mask_names.index(name)]).all()
            assert (found.probability == masks.probability[place, ..., channel] / 255).all()
            assert (found.predicted == (masks.probability[place, ..., channel] > 127.5)).all()


def test_of_exclusive_masks_the_likeliest_is_predicted_and_a_pixel_is_known_in_all_or_in_none(store: Store) -> None:
    masks = predicted(store, exclusive=True)
    find = find_in(store, masks)
    cases = [find(str(store.ids[3]), name) for name in masks.names]
    assert np.stack([found.predicted for found in cases]).sum(0).max() == 1
    unknown = np.stack([found.truth == NOT_ANNOTATED for found in cases])
    assert (unknown.all(0) == unknown.any(0)).all()


def test_every_pixel_has_one_outcome() -> None:
    outcome = case([1, 0, 1, 0, NOT_ANNOTATED], [True, True, False, False, True]).outcome
    assert [OUTCOMES[kind] for kind in outcome.ravel()] == list(OUTCOMES)


def test_dice_is_of_the_known_pixels_and_undefined_without_any_mask() -> None:
    assert case([1, 1, 0, NOT_ANNOTATED], [True, False, True, True]).dice == pytest.approx(
        2 / 4
    )  # 2 tp / (2 tp + 1 + 1)
    assert case([1, 0], [True, False]).dice == 1
    assert case([1, 0], [False, True]).dice == 0


def test_masks_of_another_store_and_what_was_not_predicted_are_refused(store: Store) -> None:
    masks = predicted(store)
    other = PredictedMasks(masks.ids, masks.names, False, "another", masks.probability)
    with pytest.raises(ValueError, match=f"{store.path}"):
        find_in(store, other)
    find = find_in(store, masks)
    with pytest.raises(ValueError, match=r"'hair'.*lesion"):
        find(str(store.ids[7]), "hair")
    with pytest.raises(ValueError, match=f"{store.ids[4]}"):
        find(str(store.ids[4]), "lesion")
