"""Tests of consistency tasks: the views of an image differ in their masks and are compared in the loss."""

import pytest
import torch
from label_tasks import Reader, fit, make_task
from parts import make_zeroing
from torch import nn

from dermoscopy.losses.consistency import Consistency
from dermoscopy.masks.mask_views import Pair
from dermoscopy.tasks.consistency import ConsistencyTask

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")


def consistency(of, weight=1.0):
    return Consistency(kind="mse", of=of, stop="none", weight=weight)


@pytest.mark.parametrize("of", ["features", "logits", "probabilities"])
def test_the_views_of_an_image_are_compared_in_the_loss(data, of):
    task = make_task(ConsistencyTask, mask_views=Pair(make_zeroing(0)), consistency=consistency(of, weight=2.0))
    before = task.network.mask.weight.detach().clone()
    fit(task, data)
    (_, image, mask), *_ = task.network.inputs
    half = len(image) // 2
    assert torch.equal(image[:half], image[half:]) and (mask[half:] == 0).all() and (mask[:half] != 0).any()
    assert task.scored["train/loss/consistency"] > 0
    assert not torch.equal(task.network.mask.weight, before)


def test_with_weight_zero_only_the_labels_train_the_views(data):
    task = fit(
        make_task(ConsistencyTask, mask_views=Pair(make_zeroing(0)), consistency=consistency("logits", 0.0)), data
    )
    assert task.scored["train/loss"] == task.scored["train/loss/bce"]


def test_comparing_features_requires_an_auxiliary_head():
    network = Reader()
    network.aux_head_stride = None
    with pytest.raises(
        ValueError, match="consistency of features needs a network with an auxiliary head, Reader has none"
    ):
        make_task(
            ConsistencyTask, network=network, mask_views=Pair(make_zeroing(0)), consistency=consistency("features")
        )


def test_views_of_masks_that_the_network_does_not_read_are_refused():
    class Blind(nn.Conv2d):
        def forward(self, image):
            return image.mean((2, 3))

    with pytest.raises(ValueError, match="views differ in their masks alone, and Blind reads none: name some"):
        make_task(
            ConsistencyTask, network=Blind(1, 1, 1), mask_views=Pair(make_zeroing(0)), consistency=consistency("logits")
        )
