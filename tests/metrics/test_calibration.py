"""Calibration: a case computed by hand, a second implementation, undefined values."""

import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error

from dermoscopy.machine.randomness import generator
from dermoscopy.metrics.calibration import BINS, calibration_scores, reliability


def test_a_case_computed_by_hand():
    probability = torch.tensor([[0.01], [0.05], [0.50], [0.52], [1.00]])
    label = torch.tensor([[0.0], [1.0], [1.0], [torch.nan], [1.0]])
    images, mean, share = reliability(probability, label)
    assert images[:, 0].tolist() == [2, *[0] * 6, 1, *[0] * 6, 1]
    assert mean[[0, 7, 14], 0].tolist() == pytest.approx([0.03, 0.5, 1])
    assert share[[0, 7, 14], 0].tolist() == [0.5, 1, 1]
    assert mean[1].isnan() and share[1].isnan()
    scores = calibration_scores(probability, label)
    assert scores["ece"].item() == pytest.approx((2 * 0.47 + 0.5 + 0) / 4)
    assert scores["brier"].item() == pytest.approx((0.01**2 + 0.95**2 + 0.5**2) / 4)


def test_the_calibration_error_of_each_label_agrees_with_torchmetrics():
    draw = generator("calibration")
    probability = torch.rand((400, 3), generator=draw)
    label = (torch.rand((400, 3), generator=draw) < probability**2).float()
    label[:50, 1] = torch.nan
    for k, error in enumerate(calibration_scores(probability, label)["ece"]):
        known = ~label[:, k].isnan()
        expected = binary_calibration_error(probability[known, k], label[known, k].long(), BINS)
        assert error.item() == pytest.approx(expected.item(), abs=1e-6)


def test_true_probabilities_are_calibrated_and_overconfident_ones_are_not():
    draw = generator("honest")
    probability = torch.rand((4000, 1), generator=draw)
    label = (torch.rand(probability.shape, generator=draw) < probability).float()
    assert calibration_scores(probability, label)["ece"].item() < 0.03
    assert calibration_scores((3 * probability.logit()).sigmoid(), label)["ece"].item() > 0.1


def test_a_label_without_known_values_has_no_calibration():
    label = torch.tensor([[torch.nan, 1.0], [torch.nan, 0.0]])
    for values in calibration_scores(torch.full((2, 2), 0.5), label).values():
        assert values.isnan().tolist() == [True, False]
