"""Consistency: the views of an image differ in their masks, and meet in the loss."""

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
def test_the_views_of_an_image_meet_in_the_loss(data, of):
    task = make_task(ConsistencyTask, mask_views=Pair(make_zeroing(0)), consistency=consistency(of, weight=2.0))
    before = task.network.mask.weight.detach().clone()
    fit(task, data)
    (_, image, mask), *_ = task.network.given
    half = len(image) // 2
    assert torch.equal(image[:half], image[half:]) and (mask[half:] == 0).all() and (mask[:half] != 0).any()
    assert task.scored["train/loss/consistency"] > 0
    assert not torch.equal(task.network.mask.weight, before)


def test_without_weight_the_views_learn_from_their_labels_alone(data):
    task = fit(
        make_task(ConsistencyTask, mask_views=Pair(make_zeroing(0)), consistency=consistency("logits", 0.0)), data
    )
    assert task.scored["train/loss"] == task.scored["train/loss/bce"]


def test_features_are_compared_where_the_network_has_an_auxiliary_head():
    network = Reader()
    network.aux_head_stride = None
    with pytest.raises(
        ValueError, match="consistency of features needs a network with an auxiliary head, Reader has none"
    ):
        make_task(
            ConsistencyTask, network=network, mask_views=Pair(make_zeroing(0)), consistency=consistency("features")
        )


def test_views_of_masks_that_nobody_reads_are_refused():
    class Blind(nn.Conv2d):
        def forward(self, image):
            return image.mean((2, 3))

    with pytest.raises(ValueError, match="views differ in their masks alone, and Blind reads none: name some"):
        make_task(
            ConsistencyTask, network=Blind(1, 1, 1), mask_views=Pair(make_zeroing(0)), consistency=consistency("logits")
        )
