"""Losses: hand-worked cases, a second implementation, weights."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from dermoscopy.losses.labels import BinaryCrossEntropy

NAMES = ("a", "b")
LOGITS = torch.tensor([[0.0, 2.0], [0.0, -1.0]])
LABEL = torch.tensor([[1.0, 1.0], [0.0, 0.0]])


def test_a_case_worked_by_hand():
    loss = BinaryCrossEntropy(["x"])(torch.zeros(3, 1), torch.tensor([[1.0], [0.0], [1.0]]))
    assert loss["bce"].item() == pytest.approx(math.log(2))


def test_without_weights_it_is_the_plain_mean():
    ours = BinaryCrossEntropy(NAMES)(LOGITS, LABEL)["bce"]
    assert ours.item() == pytest.approx(binary_cross_entropy_with_logits(LOGITS, LABEL).item())


def test_weights_by_name_by_list_and_their_meaning():
    by_name = BinaryCrossEntropy(NAMES, {"b": 3.0})(LOGITS, LABEL)["bce"]
    by_list = BinaryCrossEntropy(NAMES, [1.0, 3.0])(LOGITS, LABEL)["bce"]
    doubled = torch.cat([LABEL, LABEL]), torch.cat([LOGITS, LOGITS])
    assert by_name == by_list
    assert by_name > BinaryCrossEntropy(NAMES)(doubled[1], doubled[0])["bce"]


def test_unknown_labels_cost_nothing_and_have_no_gradient():
    logits = LOGITS.clone().requires_grad_()
    label = LABEL.clone()
    label[0, 1] = torch.nan
    loss = BinaryCrossEntropy(NAMES)(logits, label)["bce"]
    loss.backward()
    known = binary_cross_entropy_with_logits(LOGITS[[0, 1, 1], [0, 0, 1]], LABEL[[0, 1, 1], [0, 0, 1]])
    assert loss.item() == pytest.approx(known.item())
    assert logits.grad[0, 1] == 0


def test_automatic_weights_are_negatives_over_positives_of_the_training_labels():
    loss = BinaryCrossEntropy(NAMES, "auto")
    loss.fit(torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]))
    assert loss.pos_weight.tolist() == pytest.approx([3, 1 / 3])


def test_no_weights_really_means_none():
    loss = BinaryCrossEntropy(NAMES, None)
    loss.fit(torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]))
    assert loss.pos_weight.tolist() == [1, 1]


def test_half_precision_logits_are_computed_in_fp32():
    assert BinaryCrossEntropy(NAMES)(LOGITS.half(), LABEL)["bce"].dtype == torch.float32


@pytest.mark.parametrize("weights", ["balanced", [1.0], [1.0, -1.0], {"c": 1.0}])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="loss.pos_weight"):
        BinaryCrossEntropy(NAMES, weights)
