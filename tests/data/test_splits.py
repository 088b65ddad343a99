"""Splits: grouped, stratified, reproducible, with the repeats of the zeroing study."""

import random
from functools import partial

import numpy as np
import pandas as pd
import pytest

from dermoscopy.data.splits import SUBSETS, RareClass, check, folds, random_split, ten_shuffles, tuning

STUDY_SEEDS = (433, 198, 389, 456, 216, 21, 133, 495, 262, 249)


def subsets_of_groups(subset, groups):
    return pd.Series(subset).groupby(groups).nunique()


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_subsets_and_fractions_are_kept(images, seed):
    subset = random_split(*images, seed=seed, val=0.15, test=0.2)
    assert subsets_of_groups(subset, images[1]).max() == 1
    assert (subset == "val").mean() == pytest.approx(0.15, abs=0.01)
    assert (subset == "test").mean() == pytest.approx(0.2, abs=0.01)
    check(subset, images[1], images[2], ("a", "b", "c"))


def test_every_label_is_equally_frequent_in_each_subset(images):
    subset = random_split(*images, seed=0)
    for part in SUBSETS:
        for column in images[2].T:
            share, whole = (column[subset == part] == 1).mean(), (column == 1).mean()
            assert share == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize("frequencies", [(0.03,), (0.3,), (0.9,), (0.23, 0.26, 0.07, 0.59, 0.04)])
@pytest.mark.parametrize("split", [random_split, partial(folds, fold=2), partial(folds, fold=2, k=10)])
def test_where_images_are_single_a_label_is_as_frequent_in_each_subset_as_whole_images_allow(frequencies, split):
    rng = np.random.default_rng(1)
    ids = np.array([f"IMG_{i:03d}" for i in range(600)])
    labels = (rng.random((600, len(frequencies))) < frequencies).astype(np.int8)
    most = 1 if len(frequencies) == 1 else 2  # an image has several labels, and goes where its rarest one is lacking
    for seed in range(3):
        table = pd.DataFrame(labels).groupby(split(ids, ids, labels, seed))
        expected = np.outer(table.size() / 600, labels.sum(0))
        assert np.abs(table.sum() - expected).to_numpy().max() <= most


def test_a_split_depends_on_the_seed_and_not_on_the_order_of_images(images):
    subset = random_split(*images, seed=1)
    order = np.random.default_rng(3).permutation(len(subset))
    again = random_split(*(part[order] for part in images), seed=1)
    assert (subset[order] == again).all()
    assert (subset != random_split(*images, seed=2)).any()


def test_folds_are_disjoint_cover_all_images_and_keep_groups(images):
    tested = np.stack([folds(*images, seed=5, k=4, fold=f) == "test" for f in range(4)])
    assert (tested.sum(0) == 1).all()
    for fold in range(4):
        subset = folds(*images, seed=5, k=4, fold=fold)
        assert subsets_of_groups(subset, images[1]).max() == 1
        assert tested[fold].mean() == pytest.approx(0.25, abs=0.01)
        check(subset, images[1], images[2], ("a", "b", "c"))


def test_the_holdout_is_the_same_for_every_seed_and_fold_and_in_none_of_them(images):
    drawn = [folds(*images, seed=seed, k=3, fold=fold, holdout=0.2) for seed in (1, 2) for fold in range(3)]
    apart = drawn[0] == "holdout"
    assert all(((subset == "holdout") == apart).all() for subset in drawn)
    assert apart.mean() == pytest.approx(0.2, abs=0.01)
    assert subsets_of_groups(drawn[0], images[1]).max() == 1
    check(drawn[0], images[1], images[2], ("a", "b", "c"))
    tested = np.stack([subset == "test" for subset in drawn[:3]])
    assert (tested.sum(0) == ~apart).all()
    for column in images[2].T:
        assert (column[apart] == 1).mean() == pytest.approx((column == 1).mean(), abs=0.02)
    other = folds(*images, seed=1, k=3, holdout=0.2, holdout_seed=1)
    assert ((other == "holdout") != apart).any()


def test_tuning_tests_exactly_on_the_holdout_of_the_folds_whatever_the_seed(images):
    groups = images[1]
    subset = tuning(*images, seed=3, holdout=0.2)
    for seed in range(3):
        assert ((subset == "test") == (folds(*images, seed=seed, fold=seed, holdout=0.2) == "holdout")).all()
    assert (subset == tuning(*images, seed=4, holdout=0.2)).all()
    assert subsets_of_groups(subset, groups).max() == 1
    assert (subset == "test").mean() == pytest.approx(0.2, abs=0.01)
    assert (subset == "val").sum() == pytest.approx(0.15 * (subset != "test").sum(), abs=5)
    other = tuning(*images, seed=3, holdout=0.2, holdout_seed=1)
    assert ((other == "test") == (folds(*images, seed=0, holdout=0.2, holdout_seed=1) == "holdout")).all()


def test_tuning_without_a_holdout_is_refused(images):
    for holdout in (0, 1, -0.1):
        with pytest.raises(ValueError, match=r"split\.holdout must lie between 0 and 1"):
            tuning(*images, seed=0, holdout=holdout)


def test_an_empty_holdout_leaves_the_folds_unchanged(images):
    assert (folds(*images, seed=1) == folds(*images, seed=1, holdout=0, holdout_seed=9)).all()
    assert set(folds(*images, seed=1)) == set(SUBSETS)


def test_a_class_rarer_than_the_folds_is_refused_before_any_of_them_lacks_it(images):
    ids, groups, labels = images
    labels[:, 1] = 1
    labels[np.isin(groups, np.unique(groups)[:4]), 1] = 0  # four groups without the second label
    with pytest.raises(RareClass, match="split.k=5 folds are more than the 4 groups without label number 2") as raised:
        folds(ids, groups, labels, seed=0)
    assert "the 4 groups without 'b': lower split.k" in raised.value.named(("a", "b", "c"))
    assert set(folds(ids, groups, labels, seed=0, k=4)) == set(SUBSETS)


def test_labels_are_not_needed(images):
    ids, groups, labels = images
    for subset in (
        random_split(ids, groups, labels[:, :0], seed=0),
        folds(ids, groups, labels[:, :0], seed=0, holdout=0.1),
    ):
        assert subsets_of_groups(subset, groups).max() == 1
        check(subset, groups, labels[:, :0], ())


def test_the_seed_list_of_the_paper_protocol_is_that_of_the_zeroing_study():
    rng = random.Random(0)
    assert tuple(rng.randint(1, 500) for _ in range(10)) == STUDY_SEEDS


@pytest.mark.parametrize("seed", STUDY_SEEDS)
def test_ten_shuffles_trains_on_exactly_the_first_1900_images_when_no_group_is_torn(seed):
    ids = np.array([f"ISIC_{i:07d}" for i in range(2594)])
    labels = np.ones((2594, 1), np.int8)
    subset = ten_shuffles(ids, ids, labels, seed=seed)
    expected = sorted(ids.tolist())
    random.Random(seed).shuffle(expected)
    assert set(ids[subset == "test"]) == set(expected[1900:])


def test_ten_shuffles_keeps_a_torn_group_whole_in_the_training_subset(images):
    ids, groups, labels = images
    subset = ten_shuffles(ids, groups, labels, seed=433, train=700)
    assert subsets_of_groups(subset, groups).max() == 1
    assert 0 < (subset == "test").sum() < 300


def test_a_torn_group_is_refused(images):
    _, groups, labels = images
    subset = random_split(*images, seed=0)
    torn = np.flatnonzero(pd.Series(groups).duplicated(keep=False))[0]
    subset[torn] = "test" if subset[torn] != "test" else "train"
    with pytest.raises(ValueError, match="in two subsets"):
        check(subset, groups, labels, ("a", "b", "c"))


def test_a_class_that_no_image_has_is_refused_by_name(images):
    _, groups, labels = images
    labels[:, 1] = 0
    with pytest.raises(ValueError, match="the data have no image with 'b': see what data.source.columns takes for it"):
        check(random_split(*images, seed=0), groups, labels, ("a", "b", "c"))


def test_a_subset_without_one_class_of_a_label_is_refused_by_name(images):
    _, groups, labels = images
    subset = random_split(*images, seed=0)
    labels[(subset == "val") & (labels[:, 0] == 1), 0] = 0
    with pytest.raises(ValueError, match="the val subset no image with 'a'"):
        check(subset, groups, labels, ("a", "b", "c"))


@pytest.mark.parametrize("arguments", [{"val": 0.6, "test": 0.5}, {"val": -0.1}])
def test_fractions_that_leave_nothing_to_train_on_are_refused(images, arguments):
    with pytest.raises(ValueError, match="split.val and split.test"):
        random_split(*images, seed=0, **arguments)


@pytest.mark.parametrize(("k", "fold"), [(1, 0), (5, 5), (5, -1)])
def test_a_fold_that_does_not_exist_is_refused(images, k, fold):
    with pytest.raises(ValueError, match=r"split.fold must lie in 0 ... k-1"):
        folds(*images, seed=0, k=k, fold=fold)


@pytest.mark.parametrize("share", [-0.1, 1, 1.5])
def test_a_share_held_out_that_leaves_nothing_is_refused(images, share):
    with pytest.raises(ValueError, match=r"split.holdout must lie in \[0, 1\)"):
        folds(*images, seed=0, holdout=share)


def test_an_empty_subset_names_groups_that_are_too_few():
    subset, groups = np.array(["train", "train", "test"]), np.array(["p", "p", "q"])
    with pytest.raises(
        ValueError, match=r"val subset empty, as the images are in 2 groups.*data\.source\.group_column"
    ):
        check(subset, groups, np.zeros((3, 0), np.int8), [])
