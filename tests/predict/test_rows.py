"""Tests of the images that are scored: none that a run has seen, unless requested."""

from dataclasses import replace

import numpy as np
import pytest

from dermoscopy.data.split_files import write_split
from dermoscopy.data.store.reader import open_store
from dermoscopy.predict.rows import choose_rows, seen_images
from dermoscopy.runs.recorded import read_stage


@pytest.fixture
def store(wide_store):
    return open_store(wide_store)


@pytest.fixture
def make_stage(store, lesion_run, tmp_path):
    """A function that makes a stage whose split assigns these subsets to the first images of the store."""

    def make(*subsets):
        folder = tmp_path / f"stage{len(list(tmp_path.iterdir()))}"
        count = len(subsets)
        write_split(folder / "split.csv", store.ids[:count], store.groups[:count], np.array(subsets))
        return replace(read_stage(lesion_run / "best.ckpt"), checkpoint=folder / "best.ckpt")

    return make


def subsets(**counts):
    return [subset for subset, count in counts.items() for _ in range(count)]


def test_a_run_is_scored_on_its_own_test_subset(store, make_stage):
    stage = make_stage(*subsets(train=12, val=6, test=9, holdout=3))
    own = choose_rows(store, [stage], None)
    assert own.subset == "test" and own.rows.tolist() == list(range(18, 27)) and "none of which" in own.line
    assert choose_rows(store, [stage], "test").rows.tolist() == own.rows.tolist()
    assert choose_rows(store, [stage], "holdout").rows.tolist() == list(range(27, 30))


def test_images_that_a_run_has_seen_are_scored_only_on_request_and_are_counted(store, make_stage):
    stage = make_stage(*subsets(train=15, val=5, test=10))
    all_images, val = (choose_rows(store, [stage], subset) for subset in ("all", "val"))
    assert (
        len(all_images.rows) == 30
        and "30 of 30 images, of which 15 from training and 5 from validation" in all_images.line
    )
    assert len(val.rows) == 5 and "of which 5 from validation" in val.line and "training" not in val.line


def test_another_data_set_is_scored_completely_and_an_overlapping_one_without_seen_images(store, make_stage):
    other = choose_rows(store, [make_stage()], None)
    assert other.subset == "all" and len(other.rows) == 30
    overlapping = choose_rows(store, [make_stage(*subsets(train=4, val=4, test=4))], None)
    assert overlapping.subset == "unseen" and overlapping.rows.tolist() == list(range(8, 30))


def test_several_runs_score_only_what_none_of_them_has_seen(store, make_stage):
    one, other = make_stage(*subsets(test=15, train=15)), make_stage(*subsets(train=12, test=18))
    assert choose_rows(store, [one, other], None).rows.tolist() == list(range(12, 15))
    folds = [make_stage(*subsets(test=15, train=15)), make_stage(*subsets(train=15, test=15))]
    for subset in (None, "test"):
        with pytest.raises(ValueError, match=r"in subset test of every run: for folds, .*out-of-fold table"):
            choose_rows(store, folds, subset)
    with pytest.raises(ValueError, match=r"subset=all: 30 images .* were seen by a run; for folds"):
        choose_rows(store, folds, "all")
    assert len(choose_rows(store, [make_stage(), make_stage()], "all").rows) == 30


def test_a_wrong_subset_and_one_without_images_are_named(store, make_stage):
    stage = make_stage(*subsets(train=15, val=5, test=10))
    with pytest.raises(
        ValueError, match=r"subset must be one of test, all, val, holdout, got 'tset'; did you mean test"
    ):
        choose_rows(store, [stage], "tset")
    with pytest.raises(ValueError, match=r"subset=holdout: no image .* split of the run: test 10, train 15, val 5"):
        choose_rows(store, [stage], "holdout")


def test_without_a_split_only_all_images_can_be_requested(store, make_stage, tmp_path):
    stage = replace(make_stage(), checkpoint=tmp_path / "none" / "best.ckpt")
    with pytest.raises(FileNotFoundError, match=r"no .*split.csv says which images the run has seen: subset=all"):
        choose_rows(store, [stage], None)
    selection = choose_rows(store, [stage], "all")
    assert len(selection.rows) == 30 and "no split.csv says which of them the run has seen" in selection.line


def test_images_with_the_names_of_those_of_training_are_counted(store, make_stage):
    names = store.ids.tolist()
    stage, other = make_stage(*subsets(train=2, val=1, test=3)), make_stage(*subsets(test=6))
    ids = [f"deeper/{names[0]}", names[1], f"twice/{names[1]}", names[2], names[3], "new"]
    (line,) = seen_images(ids, [stage, other, stage])
    assert line.startswith("4 of 6 images have the names of images") and str(stage.folder) in line
    assert seen_images(["new", names[4]], [stage]) == []


def test_a_missing_split_is_said(make_stage, tmp_path):
    (line,) = seen_images(["a"], [replace(make_stage(), checkpoint=tmp_path / "none" / "best.ckpt")])
    assert "split.csv" in line
