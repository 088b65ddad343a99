"""Predicted masks in a batch: thresholded, beside the true masks and augmented exactly like them."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from dermoscopy.data.augment.augment import Augment
from dermoscopy.data.batches.predicted import PredictedMaskRows
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.evaluation.comparison import predicted_planes
from dermoscopy.masks.encoding import encode
from dermoscopy.masks.predicted import PredictedMasks, write_masks
from dermoscopy.masks.probability_maps import decide

OWN = ("streaks", "lesion", "globules")  # masks of the file, in another order than the store's


def turning() -> Augment:
    return Augment(0.5, 0.5, 180, 1.25, 5, 0.1, 0.2, 0, 0, 0, "constant", 0, 0, 0, 1, 1, 0)


def probabilities(store: Store, names=OWN) -> np.ndarray:
    """Return the true masks as probabilities of varying confidence: 0.3 to 0.7."""
    truth = store.mask()[..., [store.mask_names.index(name) for name in names]] == 1
    doubt = np.random.default_rng(0).integers(0, 51, truth.shape)
    return np.where(truth, 128 + doubt, 127 - doubt).astype(np.uint8)


def write(path: Path, store: Store, probability, names=OWN, rows=None, **changes) -> Path:
    """Write a masks file whose images are in another order than the store's."""
    rows = np.random.default_rng(1).permutation(len(store)) if rows is None else rows
    facts = {
        "ids": store.ids[rows],
        "names": names,
        "exclusive": False,
        "fingerprint": store.fingerprint,
        "unseen": True,
    }
    write_masks(path, PredictedMasks(**facts | {"probability": probability[rows]} | changes))
    return path


@pytest.fixture
def store(demo_store) -> Store:
    return open_store(demo_store)


@pytest.fixture
def file(store, tmp_path) -> Path:
    return write(tmp_path / "out_of_fold.h5", store, probabilities(store))


def ready(data):
    data.setup("fit")
    return data


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"memory": "map"},
        {"reduce": 2},
        {"reduce": 2, "memory": "map"},
        {"mirror_truth": True, "padding": "reflection", "eval_padding": "border"},
    ],
)
def test_a_predicted_mask_equal_to_the_true_one_stays_equal_in_every_batch(make_data, file, changes):
    data = ready(make_data(masks=["lesion", "streaks"], predicted=file, augment=turning(), **changes))
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        for batch in map(data.finish, loader):
            assert batch["predicted"].shape == (len(batch["index"]), 2, *data.size)
            assert torch.equal(batch["predicted"], batch["mask"])
            assert set(batch["mask"][:, 0].unique().tolist()) >= {-1, 1}


def test_a_predicted_mask_that_differs_is_augmented_like_a_true_one(make_data, store, tmp_path):
    probability = probabilities(store, ("lesion", "globules"))
    mistaken = write(tmp_path / "mistaken.h5", store, probability, ("globules", "lesion"))
    predicted = ready(make_data(masks=["globules", "lesion"], predicted=mistaken, augment=turning()))
    given = ready(make_data(masks=["lesion", "globules"], augment=turning()))
    for ours, theirs in zip(predicted.train_dataloader(), given.train_dataloader(), strict=True):
        assert torch.equal(predicted.finish(ours)["predicted"], given.finish(theirs)["mask"])


def test_predicted_masks_change_nothing_else(make_data, file):
    plain, data = (
        ready(make_data(masks=["lesion", "streaks"], predicted=path, augment=turning())) for path in (None, file)
    )
    for ours, theirs in zip(data.train_dataloader(), plain.train_dataloader(), strict=True):
        ours, theirs = data.finish(ours), plain.finish(theirs)
        assert set(ours) == {*theirs, "predicted"}
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    rows = data.rows("test")
    assert torch.equal(data.masks_of(rows), plain.masks_of(rows))
    assert torch.equal(data.presence, plain.presence)


def test_a_pixel_is_present_where_its_probability_is_above_the_threshold_and_unknown_outside_the_image(
    make_data, store, tmp_path
):
    level = np.zeros((len(store), *store.size, 1), np.uint8)
    level[:, :, ::2] = 204  # 0.8 of 255
    level[:, :, 1::2] = 203
    path = write(tmp_path / "levels.h5", store, level, ("lesion",))
    data = ready(make_data(masks=["lesion"], predicted=path, mask_threshold=0.799))
    predicted = data.finish(data.gather(torch.arange(5)))["predicted"]
    assert (predicted[:, :, :4] == 0).all() and (predicted[:, :, -4:] == 0).all()  # 48 x 64 in a square
    assert (predicted[:, :, 4:-4, ::2] == 1).all() and (predicted[:, :, 4:-4, 1::2] == -1).all()


def test_where_a_true_mask_is_not_annotated_the_predicted_one_is_known(make_data, store, file, tmp_path):
    bare = shutil.copy(store.path, tmp_path / "bare.h5")
    with h5py.File(bare, "r+") as opened:
        opened["mask"][:] = np.full(opened["mask"].shape, 255, np.uint8)  # h5py takes 20 s to spread a number
    data = ready(make_data(store=bare, masks=["lesion"], predicted=file))
    batch = data.finish(data.gather(torch.arange(9)))
    assert (batch["mask"] == 0).all()
    stored = store.mask()[:9, ..., [store.mask_names.index("lesion")]]
    assert torch.equal(batch["predicted"], encode(torch.from_numpy(stored).permute(0, 3, 1, 2)))


@pytest.mark.parametrize("exclusive", [False, True])
def test_masks_are_thresholded_like_those_of_a_segmentation(exclusive):
    probability = np.random.default_rng(0).integers(0, 256 // (1 + 2 * exclusive), (7, 20, 24, 3), dtype=np.uint8)
    probability[0] = [[100, 100, 55]]  # two are likeliest
    probability[1] = [[100, 55, 0]]  # as likely as the background
    predicted = decide(torch.from_numpy(probability).permute(0, 3, 1, 2), exclusive, 0.5)
    for ours, image in zip(predicted.numpy(), probability, strict=True):
        assert (ours == np.stack(list(predicted_planes(image, exclusive)))).all()


def test_masks_that_exclude_each_other_are_thresholded_among_all_of_the_file(store, tmp_path):
    probability = np.zeros((len(store), *store.size, 2), np.uint8)
    probability[..., 0], probability[..., 1] = 120, 130
    path = write(tmp_path / "masks.h5", store, probability, ("lesion", "streaks"), exclusive=True)
    predicted = PredictedMaskRows(path, store, ["streaks", "lesion"], 0.5).take(torch.arange(2))
    assert predicted[:, 0].all() and not predicted[:, 1].any()
    predicted = PredictedMaskRows(path, store, ["lesion"], 0.5).take(torch.arange(2))
    assert not predicted.any()
    with pytest.raises(ValueError, match=r"mask_threshold=0.6 .* set 0.5"):
        PredictedMaskRows(path, store, ["lesion"], 0.6)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_probabilities_of_another_size_are_resampled_before_thresholding(make_data, store, tmp_path, factor):
    smooth = np.random.default_rng(2).integers(0, 256, (len(store), 1, 8, 8)).astype(np.float32)
    own = interpolate(torch.from_numpy(smooth), store.size, mode="bilinear")
    other = interpolate(own, scale_factor=factor, mode="bilinear").round().byte().permute(0, 2, 3, 1).numpy()
    path = write(tmp_path / "other.h5", store, other, ("lesion",), fingerprint="f" * 64)
    with pytest.warns(UserWarning, match=f"for the data f{{16}} at .*, but .* is {store.fingerprint[:16]} at 32 x 32"):
        data = ready(make_data(masks=["lesion"], predicted=path))
    rows = torch.arange(len(store))
    visible = data.masks_of(rows) != 0
    predicted, expected = data.finish(data.gather(rows))["predicted"][visible], encode((own > 127.5).byte())[visible]
    assert (predicted != expected).float().mean() < 0.05
    assert (predicted == 1).any() and (predicted == -1).any()


def test_masks_of_possible_training_images_raise_a_warning(store, tmp_path):
    path = write(tmp_path / "seen.h5", store, probabilities(store), unseen=False)
    with pytest.warns(UserWarning, match="seen.h5 does not say that its masks are out of fold"):
        PredictedMaskRows(path, store, ["lesion"], 0.5)


def test_a_file_that_does_not_fit_the_store_is_refused_in_one_line_with_the_remedy(make_data, store, file):
    probability = probabilities(store)
    few = write(file.with_name("fold.h5"), store, probability, rows=np.arange(1, 80))
    narrow = write(file.with_name("narrow.h5"), store, probability[:, :, :16])
    nowhere = file.with_name("nowhere.h5")
    for changes, message in (
        (
            {"predicted": nowhere},
            rf"predicted={nowhere} does not exist: run the folds experiment",
        ),
        ({"masks": ["pigment_network"]}, r"has no mask 'pigment_network', it has \['streaks', 'lesion', 'globules'\]$"),
        ({"predicted": few}, rf"fold.h5 lacks 41 of the 120 images of .*, the first is {store.ids[0]}: masks of all"),
        ({"predicted": narrow}, "narrow.h5 holds masks of 32 x 16 px, which do not fit images of 32 x 32 px"),
        ({"predicted": store.path}, "holds no complete predicted masks"),
        ({"mask_threshold": 50}, "mask_threshold must lie between 0 and 1, got 50"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message) as raised:
            make_data(**{"masks": ["lesion"], "predicted": file} | changes)
        assert "\n" not in str(raised.value)


def test_a_misspelt_mask_name_is_answered_with_the_nearest(store, file):
    with pytest.raises(ValueError, match=r"has no mask 'globule', it has .*; did you mean globules\?"):
        PredictedMaskRows(file, store, ["globule"], 0.5)


def test_a_folder_is_answered_with_the_masks_file_in_it(store, file):
    with pytest.raises(ValueError, match=rf"is a folder: give {file}$"):
        PredictedMaskRows(file.parent, store, ["lesion"], 0.5)
    masks = file.rename(file.with_name("masks.h5"))
    with pytest.raises(ValueError, match=rf"is a folder: give {masks}$"):
        PredictedMaskRows(file.parent, store, ["lesion"], 0.5)
    masks.unlink()
    with pytest.raises(ValueError, match=r"is a folder: give a file of predicted masks; run the folds experiment"):
        PredictedMaskRows(file.parent, store, ["lesion"], 0.5)


def test_at_most_seven_masks_can_have_predicted_ones(store, file):
    with pytest.raises(ValueError, match="masks names 8 masks, at most 7 can have predicted ones beside them"):
        PredictedMaskRows(file, store, ["lesion"] * 8, 0.5)
    assert PredictedMaskRows(file, store, ["lesion"] * 7, 0.5).take(torch.arange(3)).shape == (3, 7, 32, 32)
