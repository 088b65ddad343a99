"""Batches: the contract, the order, one normalisation, memory and map alike, untouched arrays."""

import pytest
import torch

from dermoscopy.data.augment import Augment
from dermoscopy.data.store import open_store
from dermoscopy.masks import encode


def ready(data):
    data.setup("fit")
    return data


def strong_augment() -> Augment:
    return Augment(0.5, 0.5, 90, 1.25, 5, 0.1, 0.2, 0.2, 0.2, 0.1, "constant")


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


def test_every_image_of_a_side_comes_once_an_epoch_and_the_last_batch_is_kept(make_data):
    data = ready(make_data())
    for loader, side in ((data.train_dataloader(), "train"), (data.val_dataloader(), "val")):
        rows = torch.cat([batch["index"] for batch in loader])
        assert sorted(rows.tolist()) == data.rows(side).tolist()
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


def test_masks_and_labels_come_in_the_order_asked_for(make_data):
    data = ready(make_data(masks=["streaks", "lesion"], labels=["malignant"]))
    store = data.store
    wanted = [store.mask_names.index(name) for name in ("streaks", "lesion")]
    stored = torch.from_numpy(store.mask()[:3])[..., wanted].permute(0, 3, 1, 2)
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
    images, masks = data.images.clone(), data.masks.clone()
    for batch in data.train_dataloader():
        data.finish(batch)["mask"].zero_()
    assert torch.equal(data.images, images)
    assert torch.equal(data.masks, masks)


def test_no_group_stands_on_two_sides(make_data):
    data = make_data()
    groups = [set(data.store.groups[data.side == side]) for side in ("train", "val", "test")]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masks": ["globule"]}, "has no mask 'globule', it has .*did you mean globules"),
        ({"labels": ["melanoma"]}, "has no label 'melanoma', it has"),
        ({"batch_size": 0}, "batch sizes must be at least 1"),
        ({"memory": "gpu"}, "data.memory must be auto, memory or map"),
    ],
)
def test_what_the_store_does_not_have_is_refused_by_name(make_data, changes, message):
    with pytest.raises(ValueError, match=message):
        make_data(**changes)
