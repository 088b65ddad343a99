"""Folds joined into one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dermoscopy.data.sources import FolderSource
from dermoscopy.data.store import Store, open_store
from dermoscopy.evaluation.files import PredictedMasks, write_evaluation
from dermoscopy.evaluation.folds import collect
from dermoscopy.evaluation.masks import Evaluation, evaluate
from dermoscopy.evaluation.scores import summarise

MASKS = ("lesion", "streaks")


@pytest.fixture(scope="module")
def store(demo_store: Path) -> Store:
    return open_store(demo_store)


def probability(store: Store) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (len(store), *store.size, len(MASKS)), dtype=np.uint8)


def evaluated(store: Store, index: Sequence[int], source: FolderSource | None = None) -> Evaluation:
    return evaluate(probability(store)[index], index, store, MASKS, exclusive=False, hd95=False, source=source)


def fold(
    folder: Path, store: Store, index: Sequence[int], source: FolderSource | None = None, **changed: object
) -> Path:
    given = {"ids": store.ids[index], "names": MASKS, "exclusive": False, "fingerprint": store.fingerprint}
    masks = PredictedMasks(**(given | {"probability": probability(store)[index]} | changed))  # type: ignore[arg-type]
    write_evaluation(folder, evaluated(store, index, source), masks)
    return folder


def test_folds_together_are_the_whole_in_another_order(tmp_path: Path, store: Store) -> None:
    rows = np.random.default_rng(1).permutation(len(store))
    parts = [rows[:50], rows[50:90], rows[90:]]
    out = collect([fold(tmp_path / str(number), store, part) for number, part in enumerate(parts)])
    whole = evaluated(store, np.arange(len(store)))
    assert sorted(out.images["id"]) == sorted(whole.images["id"])
    numbers = ["mean", "low", "high", "images"]
    assert np.allclose(out.scores[numbers], whole.scores[numbers])
    assert (out.masks().of(store.ids) == probability(store)).all()


def test_the_spread_is_over_the_scores_of_the_folds(tmp_path: Path, store: Store) -> None:
    parts = [np.arange(40), np.arange(40, 60), np.arange(60, 120)]
    out = collect([fold(tmp_path / str(number), store, part) for number, part in enumerate(parts)])
    means = [summarise(evaluated(store, part).images, replicates=0) for part in parts]
    values = np.array([scores["mean"] for scores in means])
    assert out.folds[["metric", "mask", "size"]].equals(means[0][["metric", "mask", "size"]])
    assert np.allclose(out.folds["mean"], values.mean(0)) and np.allclose(out.folds["sd"], values.std(0, ddof=1))
    assert np.allclose(out.folds["min"], values.min(0)) and np.allclose(out.folds["max"], values.max(0))
    assert (out.folds["folds"] == 3).all()
    assert set(out.images.loc[out.images["id"].isin(store.ids[40:60]), "fold"]) == {1}


def test_a_size_that_a_fold_lacks_is_left_out(tmp_path: Path, store: Store, demo_source: FolderSource) -> None:
    both = fold(tmp_path / "0", store, [0, 1], demo_source)
    assert set(collect([both]).scores["size"]) == {"store", "original"}
    out = collect([both, fold(tmp_path / "1", store, [2, 3])])
    assert set(out.images["size"]) == set(out.scores["size"]) == set(out.folds["size"]) == {"store"}


def test_folds_that_do_not_belong_together_are_refused(tmp_path: Path, store: Store) -> None:
    first = fold(tmp_path / "0", store, [0, 1, 2])
    with pytest.raises(ValueError, match=f"image {store.ids[2]} was tested in {first} and in {tmp_path / '1'}"):
        collect([first, fold(tmp_path / "1", store, [2, 3])])
    with pytest.raises(
        ValueError, match=f"fingerprint is {store.fingerprint} in {first}, but other in {tmp_path / '2'}"
    ):
        collect([first, fold(tmp_path / "2", store, [3], fingerprint="other")])
    with pytest.raises(ValueError, match="exclusive is False"):
        collect([first, fold(tmp_path / "3", store, [3], exclusive=True)])
    with pytest.raises(ValueError, match="masks is"):
        collect([first, fold(tmp_path / "4", store, [3], names=("lesion", "globules"))])
    with pytest.raises(ValueError, match="not of one test"):
        collect([first, fold(tmp_path / "5", store, [3], ids=store.ids[[4]])])
    with pytest.raises(ValueError, match="no folder of a fold"):
        collect([])


def test_a_damaged_or_missing_file_of_a_fold_is_named(tmp_path: Path, store: Store) -> None:
    folders = [fold(tmp_path / str(number), store, [number]) for number in range(2)]
    (folders[1] / "predictions.csv").write_text("id,mask\n")
    with pytest.raises(ValueError, match="1/predictions.csv is no whole table"):
        collect(folders)
    (folders[1] / "masks.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"1/masks\.h5"):
        collect(folders)
