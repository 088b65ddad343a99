"""Batches of a single image are found before training, and every error of too small a batch names what to type."""

import pytest
import torch
from label_tasks import LABELS, make_task, trainer
from torch import nn

from dermoscopy.tasks import base
from dermoscopy.tasks.single_images import explained

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")


class Pooled(nn.Module):
    """A classifier that normalises the mean of an image, as a deep network does the only cell of its last map."""

    def __init__(self):
        super().__init__()
        self.norm, self.head, self.steps = nn.BatchNorm1d(3), nn.Linear(3, len(LABELS)), 0

    def forward(self, image):
        self.steps += self.training
        return self.head(self.norm(image.mean((2, 3))))


def fit_whole(task, data, **rest):
    trainer(limit_train_batches=None, limit_val_batches=1, **rest).fit(task, datamodule=data)
    return task


def test_batches_of_one_image_are_refused_before_the_first_step(make_data):
    data = make_data(labels=LABELS, masks=(), batch_size=1, train_images=9)
    task = make_task(network=Pooled())
    with pytest.raises(ValueError, match=r"1 image of 32 x 32 px .*datamodule\.batch_size=2 .*data\.size"):
        fit_whole(task, data)
    assert task.network.steps == 0 and torch.equal(task.network.norm.running_mean, torch.zeros(3))


def test_a_training_of_one_image_asks_for_more(make_data):
    with pytest.raises(ValueError, match="train on more than one image"):
        fit_whole(make_task(network=Pooled()), make_data(labels=LABELS, masks=(), train_images=1))


@pytest.mark.parametrize(
    ("images", "size", "steps"), [(8, 4, 2), (9, 4, 2), (10, 4, 2), (11, 4, 3), (2, 9, 1), (9, 8, 1), (3, 2, 1)]
)
def test_batches_without_a_single_image_are_trained(make_data, images, size, steps):
    data = make_data(labels=LABELS, masks=(), batch_size=size, train_images=images)
    task = fit_whole(make_task(network=Pooled()), data)
    assert task.network.steps == steps


def test_the_trial_of_a_single_image_leaves_no_trace(make_data, monkeypatch):
    ends = []
    for _ in range(2):
        torch.manual_seed(0)
        layers = nn.AdaptiveAvgPool2d(2), nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten(), nn.Linear(12, 2)
        data = make_data(labels=LABELS, masks=(), batch_size=1, train_images=4)
        task = fit_whole(make_task(network=nn.Sequential(*layers)), data)
        ends.append((task.scored, task.network.state_dict(), torch.rand(1)))
        monkeypatch.setattr(base, "try_single_image", lambda _: None)
    assert str(ends[0]) == str(ends[1])
    assert ends[0][1]["1.num_batches_tracked"] == 4


@pytest.mark.parametrize(
    ("layer", "key"),
    [
        (nn.BatchNorm2d(3), "one value"),
        (nn.InstanceNorm2d(3), "one value"),
        (nn.MaxPool2d(3), "cannot read images of 1 x 1 px"),
        (nn.Conv2d(3, 3, 3), "cannot read images of 1 x 1 px"),
    ],
)
def test_a_layer_that_needs_larger_images_names_the_size(layer, key):
    with pytest.raises(ValueError, match=rf"{key}.*data\.size"), explained(torch.zeros(1, 3, 1, 1)):
        layer(torch.zeros(1, 3, 1, 1))


def test_other_errors_are_passed_on():
    with pytest.raises(ValueError, match="^something else$"), explained(torch.zeros(1, 3, 1, 1)):
        raise ValueError("something else")
