"""Batches: the contract, the order, one normalisation, memory and memory map alike, unchanged arrays."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from dermoscopy.data.augment.augment import Augment
from dermoscopy.data.label_leakage import leaking_masks
from dermoscopy.data.split_files import from_file
from dermoscopy.data.splits import folds
from dermoscopy.data.store.reader import open_store
from dermoscopy.masks.encoding import encode


def ready(data):
    data.setup("fit")
    return data


def strong_augment() -> Augment:
    return Augment(0.5, 0.5, 90, 1.25, 5, 0.1, 0.2, 0.2, 0.2, 0.1, "constant", 0, 0, 0, 1, 1, 0)


def test_a_batch_keeps_the_contract(make_data):
    data = ready(make_data(augment=strong_augment()))
    batch = data.finish(next(iter(data.train_dataloader())))
    assert set(batch) == {"image", "mask", "label", "index"}
    assert batch["image"].shape == (16, 3, 32, 32)
    assert batch["image"].dtype == torch.float32
    assert batch["mask"].shape == (16, 5, 32, 32)
    assert set(batch["mask"].unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert batch["label"].shape == (16, 5)
    assert torch.equal(batch["label"], data.label[batch["index"]])


def test_every_image_of_a_subset_comes_once_per_epoch_and_the_last_batch_is_kept(make_data):
    data = ready(make_data())
    for loader, subset in ((data.train_dataloader(), "train"), (data.val_dataloader(), "val")):
        rows = torch.cat([batch["index"] for batch in loader])
        assert sorted(rows.tolist()) == data.rows(subset).tolist()
        assert len(list(loader)) == len(loader)


def test_training_order_changes_with_the_epoch_and_repeats_with_the_seed(make_data, monkeypatch):
    def order(data, epoch):
        monkeypatch.setattr(type(data), "epoch", epoch)
        return torch.cat([batch["index"] for batch in data.train_dataloader()]).tolist()

    first, again = ready(make_data()), ready(make_data())
    assert order(first, 0) == order(again, 0)
    assert order(first, 0) != order(first, 1)
    assert order(first, 0) != order(ready(make_data(seed=2)), 0)


def test_augmentation_repeats_for_the_same_epoch_and_step_and_differs_between_steps(make_data):
    data = ready(make_data(augment=strong_augment()))
    rows = data.rows("train")[:8]

    def drawn(seed):
        return data.finish(data.gather(rows) | {"draw": seed})["image"]

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert drawn(1).shape == drawn(2).shape


def test_validation_is_not_augmented_and_normalised_like_training(make_data):
    plain, augmented = ready(make_data()), ready(make_data(augment=strong_augment()))
    batch, same = (data.finish(next(iter(data.val_dataloader()))) for data in (plain, augmented))
    assert torch.equal(batch["image"], same["image"])
    train = plain.finish(plain.gather(plain.rows("val")[:4]) | {"draw": 0})
    torch.testing.assert_close(train["image"], batch["image"][:4])


def test_images_are_normalised_once_with_mean_and_standard_deviation(make_data):
    data = ready(make_data())
    batch = data.finish(data.gather(torch.arange(4)))
    stored = torch.from_numpy(open_store(data.store.path).image()[:4]).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor((0.5, 0.4, 0.3)), torch.tensor((0.2, 0.25, 0.3))
    expected = (stored - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(batch["image"], expected, atol=1e-5, rtol=1e-5)


def test_masks_and_labels_come_in_the_requested_order(make_data):
    data = ready(make_data(masks=["streaks", "lesion"], labels=["malignant"]))
    store = data.store
    channels = [store.mask_names.index(name) for name in ("streaks", "lesion")]
    stored = torch.from_numpy(store.mask()[:3])[..., channels].permute(0, 3, 1, 2)
    assert torch.equal(data.finish(data.gather(torch.arange(3)))["mask"], encode(stored))
    assert data.label[:, 0].tolist() == store.label[:, store.label_names.index("malignant")].tolist()


@pytest.mark.parametrize("masks", [["streaks", "lesion"], ["lesion"], []])
def test_a_memory_map_gives_the_same_batches_as_memory(make_data, masks):
    whole = ready(make_data(memory="memory", masks=masks, augment=strong_augment()))
    mapped = ready(make_data(memory="map", masks=masks, augment=strong_augment()))
    for ours, theirs in zip(whole.train_dataloader(), mapped.train_dataloader(), strict=True):
        ours, theirs = whole.finish(ours), mapped.finish(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_training_never_writes_into_the_cached_arrays(make_data):
    data = ready(make_data(augment=strong_augment()))
    pixels = data.pixels
    images, masks = pixels.images.clone(), pixels.masks.clone()
    for batch in data.train_dataloader():
        data.finish(batch)["mask"].zero_()
    assert torch.equal(pixels.images, images)
    assert torch.equal(pixels.masks, masks)


def test_no_group_is_in_two_subsets(make_data):
    data = make_data()
    groups = [set(data.store.groups[data.subset == subset]) for subset in ("train", "val", "test")]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masks": ["globule"]}, "has no mask 'globule', it has .*did you mean globules"),
        ({"labels": ["melanoma"]}, "has no label 'melanoma', it has"),
        ({"batch_size": 0}, "batch_size must be .* at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be .* at least 1, got 2.5"),
        ({"eval_batch_size": -1}, "eval_batch_size must be .* at least 1, got -1"),
        ({"train_images": True}, "train_images must be .* at least 1, got True"),
        ({"std": (0.2, 0.0, 0.2)}, "std must be three numbers"),
        ({"mean": (0.2, 0.2)}, "mean must be three numbers"),
        ({"labels": ["globules", "globules"]}, "data.labels names 'globules' twice"),
        ({"masks": ["globules", "globules"]}, "data.masks names 'globules' twice"),
        ({"labels": [1]}, "data.labels: .* has no label 1, it has"),
        ({"memory": "gpu"}, "memory must be auto, memory or map"),
        ({"stratify": ["globule"]}, r"data.stratify: .* no label 'globule', it has .*did you mean globules"),
        ({"negatives": "few"}, "negatives must be null or real"),
        ({"val_negatives": -1}, "val_negatives must be null or real"),
        ({"padding": "mirror"}, "padding must be one of"),
        ({"eval_padding": "mirror"}, "eval_padding must be one of"),
        ({"mirror_truth": True}, "mirror_truth=true has nothing to mirror"),
        (
            {"masks": [], "augment": Augment(*[0] * 3, 1, *[0] * 6, "constant", 0, 0, 0, 0.5, 1, 0.3)},
            "data.masks names none",
        ),
        ({"reduce": 3}, "reduce must be a whole number that divides 32 and 32"),
        (
            {"split": partial(folds, k=60), "stratify": ["globules", "streaks"]},
            r"split.k=60 folds are more than the \d+ groups with '(globules|streaks)': lower split.k",
        ),
    ],
)
def test_names_that_the_store_lacks_are_refused_by_name(make_data, changes, message):
    with pytest.raises(ValueError, match=message):
        make_data(**changes)


def test_folds_are_the_same_for_any_choice_of_labels(make_data):
    stratify = ["globules", "malignant"]
    split = partial(folds, k=3, fold=2, holdout=0.1)
    several, one, none = (
        make_data(labels=labels, stratify=stratify, split=split).subset
        for labels in (["globules", "pigment_network", "malignant"], ["malignant"], [])
    )
    assert (several == one).all() and (one == none).all()
    assert (make_data(labels=[], masks=["lesion"], split=split).subset != none).any()


def label_matrix(data, names) -> np.ndarray:
    return data.store.label[:, [data.store.label_names.index(name) for name in names]]


@pytest.mark.parametrize(
    ("labels", "masks", "stratify", "expected"),
    [
        (["malignant"], ["lesion", "streaks"], None, ["malignant"]),
        (["streaks", "malignant"], [], None, ["streaks", "malignant"]),
        ([], ["streaks", "globules"], None, ["streaks", "globules"]),
        ([], ["lesion", "streaks"], None, ["streaks"]),  # the store has no label of the lesion's presence
        ([], ["lesion"], None, []),
        (["malignant"], ["streaks"], ["globules"], ["globules"]),
        (["malignant"], ["streaks"], [], []),
    ],
)
def test_a_split_is_stratified_by_what_is_predicted_unless_it_says_otherwise(
    make_data, labels, masks, stratify, expected
):
    for seed in range(3):
        data = make_data(labels=labels, masks=masks, stratify=stratify, split_seed=seed, split=partial(folds, k=3))
        codes = label_matrix(data, expected)
        assert (data.subset == folds(data.store.ids, data.store.groups, codes, seed, k=3)).all()


def test_a_stratified_label_is_as_frequent_in_every_subset_where_another_stratification_leaves_it_uneven(make_data):
    def most_off(stratify):
        off = []
        for seed in range(10):
            data = make_data(labels=["malignant"], masks=["lesion"], stratify=stratify, split_seed=seed)
            positive = label_matrix(data, ["malignant"])[:, 0] == 1
            sizes = pd.Series(data.store.groups).value_counts()
            for subset in ("train", "val", "test"):
                chosen = data.subset == subset
                off.append(abs((positive & chosen).sum() - chosen.mean() * positive.sum()))
        return max(off), sizes.max()

    stratified, largest = most_off(None)
    assert stratified <= largest < most_off(["globules"])[0]


def test_without_labels_a_batch_has_none(make_data):
    data = ready(make_data(labels=[], masks=["lesion"]))
    batch = data.finish(next(iter(data.train_dataloader())))
    assert batch["label"].shape == (16, 0)
    assert batch["mask"].shape == (16, 1, 32, 32)


def test_an_unknown_subset_is_refused(make_data):
    with pytest.raises(ValueError, match="a subset is one of .*did you mean train"):
        make_data().rows("trian")


def test_the_subsets_that_were_written_are_read_back(make_data, tmp_path):
    data = make_data(split=partial(folds, k=3, fold=1, holdout=0.2))
    file = data.write_split(tmp_path / "split.csv")
    assert (make_data(split=partial(from_file, file=file)).subset == data.subset).all()
    assert list(pd.read_csv(file)) == ["id", "group", "subset"]
    assert data.counts()["holdout"] == len(data.rows("holdout")) > 0


def epoch_rows(data, epoch, monkeypatch) -> list[int]:
    monkeypatch.setattr(type(data), "epoch", epoch)
    loader = data.train_dataloader()
    batches = [batch["index"] for batch in loader]
    assert len(batches) == len(loader)
    return torch.cat(batches).tolist()


def streaks(data) -> set[int]:
    present = (data.store.mask()[..., data.store.mask_names.index("streaks")] == 1).any((1, 2))
    return set(np.flatnonzero(present).tolist())


def test_without_negatives_only_images_with_a_mask_are_trained_on_and_the_test_subset_is_whole(make_data, monkeypatch):
    data = ready(make_data(labels=[], masks=["streaks"], negatives="none", val_negatives="none"))
    train, val, test = (set(data.rows(subset).tolist()) for subset in ("train", "val", "test"))
    assert set(epoch_rows(data, 0, monkeypatch)) == train & streaks(data)
    assert {row for batch in data.val_dataloader() for row in batch["index"].tolist()} == val & streaks(data)
    assert {row for batch in data.test_dataloader() for row in batch["index"].tolist()} == test


@pytest.mark.parametrize("memory", ["memory", "map"])
def test_negatives_are_redrawn_each_epoch_but_drawn_once_for_validation(make_data, monkeypatch, memory):
    changes = {"masks": ["streaks"], "negatives": 1, "val_negatives": 1, "memory": memory}
    data, again, other = (ready(make_data(**changes, seed=seed)) for seed in (1, 1, 2))
    first, second = epoch_rows(data, 0, monkeypatch), epoch_rows(data, 1, monkeypatch)
    positives = set(first) & streaks(data)
    assert len(first) == len(second) == 2 * len(positives) > 0
    assert positives == set(second) & streaks(data)
    assert set(first) != set(second)
    assert first == epoch_rows(again, 0, monkeypatch) != epoch_rows(other, 0, monkeypatch)
    val = [torch.cat([batch["index"] for batch in loaded.val_dataloader()]).tolist() for loaded in (data, data, other)]
    assert val[0] == val[1] == val[2]


def test_negatives_need_positives(make_data):
    data = ready(make_data(masks=[], negatives=1))
    with pytest.raises(ValueError, match="no image of the train subset has one of the masks"):
        data.train_dataloader()


def beyond(data) -> torch.Tensor:
    """Return the pixels beyond the original, of a store whose masks are annotated everywhere else."""
    return torch.from_numpy(data.store.mask() == 255).all(3)


def test_padding_fills_training_and_evaluation_images_separately_and_no_masks(make_data):
    plain, filled = ready(make_data()), ready(make_data(padding="border", eval_padding="reflection"))
    rows = filled.rows("train")[:6]
    outside = beyond(plain)[rows]
    assert 0.2 < outside.float().mean() < 0.3  # 48 x 64 in a square
    stored, trained, evaluated = (
        data.gather(rows, training) for data, training in ((plain, 1), (filled, 1), (filled, 0))
    )
    top = int(outside[0, :, 0].int().argmin())  # the first visible row
    assert top == 4
    assert (stored["image"][:, :, :top] == 0).all()
    assert torch.equal(trained["image"][:, :, :top], stored["image"][:, :, top : top + 1].expand(-1, -1, top, -1))
    assert torch.equal(evaluated["image"][:, :, :top], stored["image"][:, :, top + 1 : 2 * top + 1].flip(2))
    for batch in (trained, evaluated):
        assert torch.equal(batch["image"][:, :, ~outside[0]], stored["image"][:, :, ~outside[0]])
        assert torch.equal(batch["mask"], stored["mask"])


def test_a_mirrored_true_mask_counts_in_the_padding(make_data):
    plain, data = (
        ready(make_data(masks=["lesion"])),
        ready(make_data(masks=["lesion"], eval_padding="reflection", mirror_truth=True)),
    )
    rows = data.rows("val")
    stored, batch = plain.finish(plain.gather(rows)), data.finish(data.gather(rows))
    assert (stored["mask"][:, :, :4] == 0).all()
    assert torch.equal(batch["mask"][:, :, :4], stored["mask"][:, :, 5:9].flip(2))
    assert torch.equal(data.gather(rows, training=True)["mask"], plain.gather(rows)["mask"])


def test_a_reduced_batch_keeps_the_contract(make_data):
    data = ready(make_data(reduce=2, augment=strong_augment(), padding="reflection"))
    batch = data.finish(next(iter(data.train_dataloader())))
    assert data.size == batch["image"].shape[2:] == (16, 16)
    assert batch["mask"].shape == (16, 5, 16, 16)


def test_masks_of_rows_are_those_of_a_test_batch_in_the_given_order(make_data):
    mirrored = {"eval_padding": "reflection", "mirror_truth": True}
    for changes in ({}, {"memory": "map"}, mirrored):
        data = ready(make_data(augment=strong_augment(), **changes))
        rows = data.rows("test").flip(0)
        assert torch.equal(data.masks_of(rows), data.finish(data.gather(rows))["mask"])


def test_a_mask_is_present_empty_or_not_annotated(make_data):
    data = ready(make_data(masks=["streaks", "lesion"], labels=[]))
    data.pixels.masks[3] = 0  # unknown everywhere
    stored = data.store.mask()[..., [data.store.mask_names.index(name) for name in data.mask_names]]
    expected = torch.from_numpy((stored == 1).any((1, 2))).float()
    expected[3] = torch.nan
    assert torch.equal(data.presence.nan_to_num(-1), expected.nan_to_num(-1))


def test_a_mask_leaks_the_label_of_its_own_presence(make_data):
    labels = ["globules", "streaks", "malignant"]
    assert ready(make_data(masks=["lesion", "streaks"], labels=labels)).label_leakage() == {"streaks": "streaks"}
    assert ready(make_data(masks=["lesion"], labels=labels)).label_leakage() == {}
    assert ready(make_data(masks=[], labels=labels)).label_leakage() == {}
    assert ready(make_data(masks=["streaks"], labels=[])).label_leakage() == {}


def test_label_leakage_is_determined_on_the_training_images_only(make_data):
    data = ready(make_data(masks=["streaks"], labels=["streaks"]))
    data.label[data.rows("test")] = 1 - data.label[data.rows("test")]
    assert data.label_leakage() == {"streaks": "streaks"}
    data.label[data.rows("train")] = 1 - data.label[data.rows("train")]
    assert data.label_leakage() == {}


def leaks(label, presence) -> dict[int, int]:
    return leaking_masks(*(torch.tensor(values, dtype=torch.float32)[:, None] for values in (label, presence)))


def test_a_label_leaks_at_99_percent_agreement_unless_the_majority_class_agrees_as_well():
    unknown = float("nan")
    half = [1, 0] * 50
    assert leaks(half, half) == {0: 0}
    assert leaks(half, [0, *half[1:]]) == {0: 0}  # 99 of 100
    assert leaks(half, [0, 1, *half[2:]]) == {}
    assert leaks([unknown, 0, *half[2:]], [1, unknown, *half[2:]]) == {0: 0}
    assert leaks([unknown] * 100, half) == {}
    rare = [1] + [0] * 199
    assert leaks(rare, rare) == {0: 0}
    assert leaks(rare, rare[::-1]) == {}  # 198 of 200, and 199 are 0
    assert leaks([1] * 100, [1] * 100) == {}


def test_of_several_masks_the_one_with_the_best_agreement_is_returned():
    label = torch.tensor([[1, 0] * 50, [1] * 50 + [0] * 50]).T.float()
    almost = label[:, :1].clone()
    almost[0] = 0
    assert leaking_masks(label, torch.cat([almost, label[:, :1], 1 - label[:, 1:]], 1)) == {0: 1}


def test_the_number_of_training_images_is_that_of_those_used(make_data):
    whole = make_data().counts()
    assert make_data(train_images=10).counts() == {**whole, "train": 10}
    assert make_data(train_images=1000).counts() == whole


def test_labels_and_masks_of_images_that_are_not_used_say_nothing_of_the_training(make_data):
    data = make_data(train_images=16)
    rows = data.rows("train")
    used = rows[np.argsort(data.store.ids[rows.numpy()])[:16].copy()]
    assert torch.equal(data.labels_of("train"), data.label[used])
    for subset in ("val", "test"):
        assert torch.equal(data.labels_of(subset), data.label[data.rows(subset)])
    alone = [name for name, present in zip(data.mask_names, (data.presence[used] == 1).any(0), strict=True) if present]
    assert data.absent_masks().keys() == set(data.mask_names) - set(alone)
    few = make_data(train_images=2)
    assert few.absent_masks().keys() > data.absent_masks().keys()


@pytest.mark.parametrize(
    ("masks", "prefers"), [(["lesion"], False), (["streaks"], True), (["lesion", "streaks"], True)]
)
def test_images_come_alike_often_where_none_has_anything_rare(make_data, masks, prefers):
    assert make_data(labels=(), masks=masks, balance=1).prefers() == prefers
    assert not make_data(labels=(), masks=masks, balance=0).prefers()
