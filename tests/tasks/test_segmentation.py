"""Tests of segmentation tasks: unknown pixels are ignored, evaluation changes no weights, TTA at test."""

from functools import partial

import pandas as pd
import pytest
import torch
from parts import ONE_GROUP
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn
from trainers import quiet_trainer

from dermoscopy.evaluation.segmentation import Evaluator
from dermoscopy.losses.segmentation import BinaryCrossEntropy, Dice
from dermoscopy.losses.weighted_sum import LossSum
from dermoscopy.masks.encoding import unpack
from dermoscopy.metrics.pixel_counts import count
from dermoscopy.tasks.segmentation import SegmentationTask
from dermoscopy.training.callbacks.segmentation import EpochPictures, MaskPredictions

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
KINDS = [(("lesion",), False), (("lesion", "streaks"), False), (("lesion", "streaks"), True)]
IMAGE = torch.rand(4, 3, 6, 9, generator=torch.Generator().manual_seed(0))


class Pixelwise(nn.Sequential):
    """A network whose output for a pixel depends only on its colour, so it is equivariant to flips and rotations."""

    def __init__(self, channels=1):
        super().__init__(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, channels, 1))


class Reader(nn.Module):
    """A network that reads masks painted into the colours of an image."""

    def __init__(self, exclusive=False):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(40.0))
        self.exclusive = exclusive

    def forward(self, image):
        logits = self.scale * (image[:, :1] - 0.5)
        return torch.cat([torch.zeros_like(logits), logits], 1) if self.exclusive else logits


def make_task(network=None, masks=("lesion",), exclusive=False, tta=("none",), hd95=False, **rest):
    torch.manual_seed(0)
    network = network or Pixelwise(max(1, len(masks) + exclusive))
    terms = {"bce": BinaryCrossEntropy(exclusive, (), None), "dice": Dice(exclusive, smooth=1.0)}
    loss = rest.pop("loss", None) or LossSum("bce+dice", terms, (), None)
    evaluator, optimizer = Evaluator(None, hd95), partial(torch.optim.SGD, lr=0.1)
    arguments = {"seed": 0, "scheduler": None, "freeze": (), "metrics": {}, "parameter_groups": ONE_GROUP} | rest
    return SegmentationTask(network, loss, masks, exclusive, tta, evaluator, optimizer, **arguments)


def make_batch(masks=1):
    """Return a batch with signed masks, a third of their pixels unknown."""
    signed = torch.randint(-1, 2, (4, masks, 6, 9), generator=torch.Generator().manual_seed(1)).float()
    return {"image": IMAGE, "mask": signed, "index": torch.arange(4)}


def trainer(*callbacks, **rest):
    quiet = {"enable_checkpointing": False, "limit_train_batches": 1, "precision": "32-true", "accelerator": "cpu"}
    return quiet_trainer(max_epochs=1, callbacks=list(callbacks), **(quiet | rest))


@pytest.mark.parametrize(("masks", "exclusive"), KINDS)
def test_each_kind_of_masks_trains_a_batch_and_is_scored(make_data, masks, exclusive):
    task = make_task(masks=masks, exclusive=exclusive)
    before = task.network[0].weight.detach().clone()
    trainer().fit(task, datamodule=make_data(masks=masks, labels=()))
    assert not torch.equal(task.network[0].weight, before)
    names = {"loss", "loss/bce", "loss/dice", *task.metrics()}
    scored = {f"{mode}/{name}" for mode in ("train", "val") for name in names} | {"train/lr"}
    assert set(task.scored) == scored
    assert {f"val/dice/{name}" for name in masks} <= set(task.scored) or len(masks) == 1
    assert 0 <= task.scored["val/dice"] <= 1


@pytest.mark.parametrize(("masks", "exclusive"), KINDS)
def test_colours_of_unknown_pixels_have_no_influence(masks, exclusive):
    task, batch = make_task(masks=masks, exclusive=exclusive).eval(), make_batch(len(masks))
    unknown = (batch["mask"] == 0).any(1) if exclusive else (batch["mask"] == 0).all(1)
    other = batch | {"image": torch.where(unknown[:, None], 1 - IMAGE, IMAGE)}
    assert not torch.equal(other["image"], IMAGE)
    results = []
    for variant in (batch, other):
        task._forget()
        task.zero_grad()
        task._step(variant).backward()
        results.append([*task._terms.values(), *task._outputs[0], *(p.grad.clone() for p in task.parameters())])
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_perfect_network_scores_one_in_validation_and_with_every_tta(make_data, tmp_path, exclusive):
    data = make_data(masks=("lesion",), labels=(), mean=(0, 0, 0), std=(1, 1, 1))
    data.setup("test")
    painted = (unpack(data.pixels.masks, 1) > 0).to(torch.uint8) * 255
    data.pixels.images = painted.expand(-1, 3, -1, -1).contiguous()
    task = make_task(Reader(exclusive), exclusive=exclusive, tta=("none", "flips", "rotations"), hd95=True)
    tests = trainer(MaskPredictions(tmp_path, panels=1))
    tests.validate(task, datamodule=data, verbose=False)
    tests.test(task, datamodule=data, verbose=False)
    perfect = dict.fromkeys(
        ["dice", "iou", "thresholded_jaccard", "precision", "recall", "pooled_dice", "pooled_iou"], 1
    )
    perfect |= {"failure_rate": 0}
    assert {name: task.scored[f"val/{name}"] for name in perfect} == perfect
    for tta in task.tta:
        assert {name: task.scored[f"test/{tta}/{name}"] for name in perfect} == perfect
        assert task.scored[f"test/{tta}/hd95"] == task.scored[f"test/{tta}/one_side_empty"] == 0
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert scores["tta"].unique().tolist() == list(task.tta)
    dice = scores[scores["metric"] == "dice"]
    assert (dice["mean"] == 1).all() and dice[["low", "high"]].isna().all(axis=None)  # a bound has no interval


def test_scores_of_a_test_do_not_depend_on_writing_its_files(make_data, tmp_path):
    scored = []
    for callbacks in ((), (MaskPredictions(tmp_path, panels=0),)):
        task = make_task(masks=("lesion", "streaks"), tta=("none", "flips"), hd95=True)
        trainer(*callbacks).test(task, datamodule=make_data(masks=("lesion", "streaks"), labels=()), verbose=False)
        scored.append([f"{name}={value}" for name, value in task.scored.items()])  # nan equals nan as text
    assert scored[0] == scored[1]
    assert any(name.startswith("test/flips/hd95/streaks=") for name in scored[0])


def test_validation_and_test_use_evaluation_mode_and_change_no_weights_or_statistics(make_data):
    task, data, modes = make_task(tta=("none", "rotations")), make_data(masks=("lesion",), labels=()), []
    task.network.register_forward_hook(lambda module, *_: modes.append(module.training))
    before = {name: value.clone() for name, value in task.state_dict().items()}
    tests = trainer()
    tests.validate(task, datamodule=data, verbose=False)
    tests.test(task, datamodule=data, verbose=False)
    assert modes == [False] * (1 + 1 + 8)
    assert all(torch.equal(before[name], value) for name, value in task.state_dict().items())


def test_predictions_of_a_pixelwise_network_are_255_times_its_probability_with_every_tta():
    task = make_task(masks=("lesion", "streaks"), tta=("none", "flips", "rotations")).eval()
    task.on_test_epoch_start()
    with torch.inference_mode():
        task.test_step(make_batch(2), 0)
        expected = (255 * task.network(IMAGE).sigmoid()).round()
    for outputs in task.tested.values():
        ((index, predicted),) = outputs
        assert index.tolist() == [0, 1, 2, 3]
        assert predicted.dtype == torch.uint8
        assert (predicted - expected).abs().max() <= 1  # a mean of eight may round differently
    assert torch.equal(task.predict(IMAGE), expected.byte())


def test_probabilities_of_exclusive_masks_are_those_of_softmax_without_the_background():
    task = make_task(masks=("lesion", "streaks"), exclusive=True).eval()
    odds = task.network(IMAGE).exp()
    torch.testing.assert_close(task.probability(IMAGE), odds[:, 1:] / odds.sum(1, keepdim=True))


def test_a_frozen_part_keeps_its_weights_and_statistics_and_the_rest_trains(make_data):
    task = make_task(nn.Sequential(Pixelwise(3), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1)), freeze=["0"])
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    trainer().fit(task, datamodule=make_data(masks=("lesion",), labels=()))
    same = {name: torch.equal(before[name], value) for name, value in task.network.state_dict().items()}
    assert all(kept for name, kept in same.items() if name.startswith("0."))
    assert not any(kept for name, kept in same.items() if not name.startswith("0."))


def share_right(probability, mask):
    """Return the share of known pixels of an image that are correct, undefined without known pixels."""
    right = ((probability > 0.5) == (mask > 0)) & (mask != 0)
    return right.flatten(1).sum(1) / (mask != 0).flatten(1).sum(1)


def test_a_custom_metric_is_the_mean_over_images_and_agrees_with_the_counts():
    task, batch = make_task(metrics={"right": share_right}, tta=("none", "flips")), make_batch()
    batch["mask"][2] = 0  # this image is left out of the mean
    tp, fp, fn, tn = count(task.network(IMAGE), batch["mask"], exclusive=False)[[0, 1, 3], 0].unbind(1)
    task._step(batch)
    assert task.scores(task._outputs)["right"] == pytest.approx(((tp + tn) / (tp + fp + fn + tn)).mean().item())
    assert "right" not in task.metrics()

    task.eval().on_test_epoch_start()
    halves = [{name: value[part] for name, value in batch.items()} for part in (slice(0, 1), slice(1, 4))]
    with torch.inference_mode():
        for number, half in enumerate(halves):
            task.test_step(half, number)
        expected = share_right(task.probability(IMAGE), batch["mask"]).nanmean().item()
    task._score_own_metrics()
    assert task.scored == {f"test/{tta}/right": pytest.approx(expected) for tta in ("none", "flips")}


def test_a_custom_metric_that_does_not_return_one_number_per_image_is_named():
    task = make_task(metrics={"mean": lambda probability, mask: probability.mean()})
    with pytest.raises(ValueError, match=r"metrics.mean must return one number per image, \(4,\), it returns \(\)"):
        task._step(make_batch())


def test_a_custom_metric_with_the_name_of_a_built_in_one_is_refused(make_data):
    task = make_task(metrics={"dice": share_right})
    with pytest.raises(ValueError, match="metrics.dice has the name of a built-in metric"):
        trainer().fit(task, datamodule=make_data(masks=("lesion",), labels=()))


def test_a_loss_without_named_terms_is_refused():
    task = make_task()
    task.loss = nn.SoftMarginLoss()
    with pytest.raises(ValueError, match="a loss returns its terms by name, .* not a Tensor"):
        task._step(make_batch())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masks": ()}, r"masks is empty: name what to segment"),
        ({"masks": ("lesion", "lesion")}, r"masks=\['lesion', 'lesion'\] names a mask twice"),
        ({"tta": ()}, r"tta must be a list out of \['none', 'flips', 'rotations'\], got \(\)"),
        ({"tta": "flips"}, r"tta must be a list out of .* got 'flips'"),
        ({"tta": ["none", "flip"]}, "tta names 'flip', .*; did you mean flips?"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_task(**arguments)


def test_invalid_numbers_of_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match="every must be at least 0 and images at least 1, got -1 and 4"):
        EpochPictures(tmp_path, every=-1, images=4)
    with pytest.raises(ValueError, match="every must be at least 0 and images at least 1, got 10 and 0"):
        EpochPictures(tmp_path, every=10, images=0)
    with pytest.raises(ValueError, match="panels must be at least 0, got -1"):
        MaskPredictions(tmp_path, panels=-1)


def test_a_term_of_the_loss_may_be_monitored(make_data, tmp_path):
    best = ModelCheckpoint(tmp_path, "best", monitor="val/loss/dice")
    trainer(best, enable_checkpointing=True).fit(make_task(), datamodule=make_data(masks=("lesion",), labels=()))
    assert (tmp_path / "best.ckpt").is_file()
    unknown = ModelCheckpoint(tmp_path, "none", monitor="val/loss/dise")
    with pytest.raises(ValueError, match="monitors val/loss/dise, which is no metric; did you mean val/loss/dice"):
        trainer(unknown, enable_checkpointing=True).fit(make_task(), datamodule=make_data(masks=("lesion",), labels=()))


def test_automatic_weights_of_pixels_are_fitted_to_the_training_images_and_stated(make_data):
    masks = ("lesion", "streaks")
    bce = BinaryCrossEntropy(False, masks, "auto")
    data = make_data(masks=masks, labels=(), train_images=30)
    task = make_task(masks=masks, loss=LossSum("bce", {"bce": bce}, masks, None))
    trainer().fit(task, datamodule=data)
    present, absent = data.mask_pixels()
    assert bce.pos_weight.tolist() == pytest.approx((absent / present).tolist())
    (line,) = (line for line in task.lines if "pos_weight" in line)
    assert line.startswith("loss.terms.bce.pos_weight=auto is lesion ")
    assert not any("pos_weight" in name for name in task.state_dict())
