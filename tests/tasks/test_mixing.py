"""Mixup and CutMix: images, masks and labels mixed alike, against a plain implementation per image."""

import math

import pytest
import torch
from label_tasks import LABELS, fit, joint, make_task
from parts import make_class_loss, make_zeroing

from dermoscopy.losses.consistency import Consistency
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.mask_views import Pair
from dermoscopy.tasks.consistency import ConsistencyTask
from dermoscopy.tasks.joint import JointTask, LabelsOnlyTask, MasksOnlyTask
from dermoscopy.tasks.mixing import Mixing, unmixed

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
NAN = torch.nan


def batch_of(count, size=(12, 20)):
    """Return a batch whose pixels differ between images."""
    draw = generator("mixing", count)
    image = torch.arange(float(count))[:, None, None, None] + torch.rand((count, 3, *size), generator=draw) / 4
    mask, predicted = (torch.randint(-1, 2, (count, 2, *size), generator=draw).float() for _ in range(2))
    label = torch.randint(0, 2, (count, 4), generator=draw).float()
    label[0, 0] = NAN
    return {"image": image, "mask": mask, "predicted": predicted, "label": label, "index": torch.arange(count)}


def share_of(batch, mixed):
    """Return the share of the images in a blend, from one pixel of the second image."""
    own, partner, result = batch["image"][1, 0, 0, 0], batch["image"][0, 0, 0, 0], mixed["image"][1, 0, 0, 0]
    return ((result - partner) / (own - partner)).item()


@pytest.mark.parametrize("count", [2, 5, 8])
@pytest.mark.parametrize("seed", range(3))
def test_mixup_blends_images_masks_and_labels_by_one_share(count, seed):
    batch = batch_of(count)
    mixed = Mixing(0.4, 0.0)(batch, seed)
    share = share_of(batch, mixed)
    assert 0 <= share <= 1
    for name in ("image", "mask", "predicted", "label"):
        for i in range(count):
            expected = share * batch[name][i] + (1 - share) * batch[name][i - 1]
            torch.testing.assert_close(mixed[name][i], expected, atol=1e-5, rtol=1e-5, equal_nan=True)
    assert torch.equal(mixed["index"], batch["index"])


@pytest.mark.parametrize("count", [2, 5, 8])
@pytest.mark.parametrize("seed", range(4))
def test_cutmix_pastes_one_box_and_mixes_labels_by_its_area(count, seed):
    batch = batch_of(count)
    mixed = Mixing(0.0, 1.0)(batch, seed)
    pasted = (mixed["image"] != batch["image"]).any(1)  # (B, H, W)
    assert (pasted == pasted[0]).all()
    rows, columns = pasted[0].any(1).nonzero(), pasted[0].any(0).nonzero()
    box = torch.zeros_like(pasted[0])
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    assert torch.equal(box, pasted[0])
    share = 1 - box.double().mean().item()
    for i in range(count):
        for name in ("image", "mask", "predicted"):
            assert torch.equal(mixed[name][i], torch.where(box, batch[name][i - 1], batch[name][i]))
        expected = share * batch["label"][i] + (1 - share) * batch["label"][i - 1]
        torch.testing.assert_close(mixed["label"][i], expected, atol=1e-5, rtol=0, equal_nan=True)


def test_an_unknown_label_of_either_image_is_unknown_and_equal_ones_stay_exact():
    batch = batch_of(4) | {"label": torch.tensor([[1.0, 0], [1.0, NAN], [NAN, 0], [1.0, 0]])}
    for mixing in (Mixing(1.0, 0.0), Mixing(0.0, 1.0)):
        for seed in range(20):
            mixed = mixing(batch, seed)
            if torch.equal(mixed["image"], batch["image"]):  # the box is smaller than a pixel
                continue
            label = mixed["label"]
            assert label[0].tolist() == [1, 0] and label[1, 0] == 1  # of images 3 and 0, and 0 and 1
            assert label.isnan().tolist() == [[False, False], [False, True], [True, True], [True, False]]


def test_a_single_image_stays_as_it_is():
    batch = batch_of(1)
    for mixing in (Mixing(1.0, 0.0), Mixing(0.0, 1.0)):
        mixed = mixing(batch, 0)
        for name in ("image", "mask", "predicted", "label"):
            assert torch.equal(mixed[name].nan_to_num(9), batch[name].nan_to_num(9))


def test_nothing_is_mixed_by_default_and_the_input_is_left_unchanged():
    batch = batch_of(3)
    assert Mixing(0.0, 0.0)(batch, 0) is batch
    before = {name: value.clone() for name, value in batch.items()}
    for mixing in (Mixing(1.0, 0.0), Mixing(0.0, 1.0)):
        mixing(batch, 0)
        assert all(torch.equal(batch[name].nan_to_num(9), before[name].nan_to_num(9)) for name in batch)


def test_a_seed_determines_the_mixture_and_shares_are_those_of_the_distribution():
    batch = batch_of(2)
    shares = [share_of(batch, Mixing(1.0, 0.0)(batch, seed)) for seed in range(300)]
    assert shares == [share_of(batch, Mixing(1.0, 0.0)(batch, seed)) for seed in range(300)]
    assert sum(shares) / 300 == pytest.approx(0.5, abs=0.06)  # 3.6 standard errors of a uniform distribution
    extreme = [share_of(batch, Mixing(0.1, 0.0)(batch, seed)) for seed in range(300)]
    assert sum(min(s, 1 - s) < 0.1 for s in extreme) > sum(min(s, 1 - s) < 0.1 for s in shares)


def test_with_both_half_of_the_batches_have_a_box():
    batch = batch_of(2, (16, 16))
    images = [Mixing(1.0, 1.0)(batch, seed)["image"] for seed in range(200)]
    boxes = sum(bool(((image == batch["image"]) | (image == batch["image"].roll(1, 0))).all()) for image in images)
    assert 70 < boxes < 130


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_parameters_of_no_distribution_are_refused(name, value):
    with pytest.raises(ValueError, match=f"^{name} is a parameter of a Beta distribution"):
        Mixing(**{"mixup": 0.0, "cutmix": 0.0, name: value})


def test_labels_that_only_one_of_two_images_has_are_unmixed_as_unknown():
    label = torch.tensor([[0.0, 1, 0.3, NAN]])
    assert unmixed(label).nan_to_num(9).tolist() == [[0, 1, 9, 9]]


def labels_in_training(task, data):
    """Return the labels that the loss receives in training."""
    seen = []
    task.loss.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]) if task.training else None)
    fit(task, data)
    return torch.cat(seen)


@pytest.mark.parametrize("mixing", [Mixing(1.0, 0.0), Mixing(0.0, 1.0), Mixing(0.3, 1.0)])
def test_a_classifier_trains_on_mixtures_and_is_scored_on_whole_labels(data, mixing):
    data.label[::3, 0] = NAN
    task = make_task(mixing=mixing, zeroing=make_zeroing(0.5))
    label = labels_in_training(task, data)
    assert ((label > 0) & (label < 1)).any() and label.isnan().any()
    masks = task.network.masks(training=True)[0]
    erased = (masks == 0).flatten(1).all(1)
    assert 0 < erased.sum() < len(erased)  # whole masks are erased after the mixture, not before
    assert 0 < task.scored["train/loss"] < 2 and math.isfinite(task.scored["val/auroc"])
    assert math.isfinite(task.scored["train/f1"])


def test_exclusive_labels_are_mixed_only_where_both_images_have_exactly_one(data):
    data.label[:, 1] = 1 - data.label[:, 0]
    data.label[::5] = torch.tensor([1.0, 1.0])  # several: with an image without any, a mixture could add up to one
    data.label[1::5] = torch.tensor([0.0, 0.0])
    task = make_task(loss=make_class_loss(LABELS, [1.0, 3.0]), exclusive_labels=True, mixing=Mixing(1.0, 0.0))
    label = labels_in_training(task, data)
    known = ~label.isnan().any(1)
    assert 0 < known.sum() < len(label)
    torch.testing.assert_close(label[known].sum(1), torch.ones(int(known.sum())))
    assert math.isfinite(task.scored["train/loss"])


def test_the_same_seed_trains_the_same_weights_and_another_does_not(make_data):
    ends = []
    for seed in (0, 0, 1):
        task = fit(make_task(mixing=Mixing(1.0, 1.0), seed=seed), make_data(labels=LABELS, masks=LABELS))
        ends.append(task.network.image.weight.detach())
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


def test_the_views_of_an_image_are_those_of_one_mixture(data):
    consistency = Consistency(kind="mse", of="logits", stop="none", weight=1.0)
    views = Pair(make_zeroing(0))
    task = fit(make_task(ConsistencyTask, mask_views=views, consistency=consistency, mixing=Mixing(1.0, 0.0)), data)
    (_, image, mask), *_ = task.network.inputs
    half = len(image) // 2
    assert torch.equal(image[:half], image[half:])
    assert ((mask.abs() > 0) & (mask.abs() < 1)).any()


@pytest.mark.parametrize("kind", [JointTask, MasksOnlyTask])
def test_masks_that_are_learned_are_pasted_and_not_blended(data, kind):
    with pytest.raises(ValueError, match=r"mixing.mixup blends masks.*set mixing.mixup=0"):
        joint(kind, mixing=Mixing(0.2, 0.0))
    task = fit(joint(kind, mixing=Mixing(0.0, 1.0)), data)
    assert math.isfinite(task.scored["train/loss"]) and math.isfinite(task.scored["train/dice"])


def test_the_labels_of_a_joint_network_alone_may_be_blended(data):
    assert math.isfinite(fit(joint(LabelsOnlyTask, mixing=Mixing(0.2, 0.0)), data).scored["train/loss"])
