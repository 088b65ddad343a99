"""Joining of the masks of folds into one file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.masks.out_of_fold import join_masks
from dermoscopy.masks.predicted import PredictedMasks, read_masks, write_masks

MASKS = ("lesion", "streaks")
NOT_RECORDED = [None, None, None]


@pytest.fixture(scope="module")
def store(demo_store: Path) -> Store:
    return open_store(demo_store)


def probability(store: Store) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (len(store), *store.size, len(MASKS)), dtype=np.uint8)


def fold(folder: Path, store: Store, index: Sequence[int], **changed: object) -> Path:
    given = {"ids": store.ids[index], "names": MASKS, "exclusive": False, "fingerprint": store.fingerprint}
    masks = PredictedMasks(**(given | {"probability": probability(store)[index]} | changed))  # type: ignore[arg-type]
    write_masks(folder / "masks.h5", masks)
    return folder


def test_joined_folds_are_the_whole_store_in_another_order(tmp_path: Path, store: Store) -> None:
    rows = np.random.default_rng(1).permutation(len(store))
    parts = [rows[:50], rows[50:90], rows[90:]]
    file = join_masks(
        [fold(tmp_path / str(k), store, part) for k, part in enumerate(parts)], tmp_path / "all.h5", NOT_RECORDED
    )
    masks = read_masks(file)
    assert (masks.of(store.ids) == probability(store)).all()
    assert (masks.names, masks.exclusive, masks.fingerprint) == (MASKS, False, store.fingerprint)


def test_folds_that_do_not_fit_together_are_refused(tmp_path: Path, store: Store) -> None:
    first, file = fold(tmp_path / "0", store, [0, 1, 2]), tmp_path / "all.h5"
    with pytest.raises(ValueError, match=f"image {store.ids[2]} was tested in {first} and in {tmp_path / '1'}"):
        join_masks([first, fold(tmp_path / "1", store, [2, 3])], file, NOT_RECORDED[:2])
    other = f"fingerprint is {store.fingerprint} in {first}, but other in {tmp_path / '2'}"
    with pytest.raises(ValueError, match=other):
        join_masks([first, fold(tmp_path / "2", store, [3], fingerprint="other")], file, NOT_RECORDED[:2])
    with pytest.raises(ValueError, match="exclusive is False"):
        join_masks([first, fold(tmp_path / "3", store, [3], exclusive=True)], file, NOT_RECORDED[:2])
    with pytest.raises(ValueError, match="masks is"):
        join_masks([first, fold(tmp_path / "4", store, [3], names=("lesion", "globules"))], file, NOT_RECORDED[:2])
    with pytest.raises(ValueError, match="no folder of a fold"):
        join_masks([], file, [])
    assert not file.exists()


def test_a_missing_file_of_a_fold_is_named(tmp_path: Path, store: Store) -> None:
    with pytest.raises(FileNotFoundError, match=r"1/masks\.h5"):
        join_masks([fold(tmp_path / "0", store, [0]), tmp_path / "1"], tmp_path / "all.h5", NOT_RECORDED[:2])


def test_joined_folds_say_which_network_predicted_an_image_and_which_images_it_had_seen(
    tmp_path: Path, store: Store
) -> None:
    a, b, c, d = store.ids[:4].tolist()
    folders = [fold(tmp_path / str(k), store, part, unseen=True) for k, part in enumerate([[0, 1], [2, 3]])]
    masks = read_masks(join_masks(folders, tmp_path / "all.h5", [{c, d, "elsewhere"}, {a}]))
    assert masks.network is not None and masks.network.tolist() == [0, 0, 1, 1]
    assert masks.seen is not None and masks.seen.tolist() == [[False, False, True, True], [True, False, False, False]]
    assert masks.unseen
    wrong = read_masks(join_masks(folders, tmp_path / "all.h5", [{a, c, d}, {a, b}]))
    assert not wrong.unseen  # the split says that the first network has seen an image that it predicted
    unknown = read_masks(join_masks(folders, tmp_path / "all.h5", [{c, d}, None]))
    assert unknown.seen is None and unknown.unseen
