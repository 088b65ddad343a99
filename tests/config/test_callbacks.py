"""Tests of callbacks of Lightning that another part of a stage replaces."""

import pytest

from dermoscopy.config.callbacks import check_callbacks


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("LearningRateMonitor", "history.csv"),
        ("EMAWeightAveraging", "callbacks.average.decay"),
        ("StochasticWeightAveraging", "callbacks.average.decay"),
    ],
)
@pytest.mark.parametrize("package", ["pytorch_lightning.callbacks", "lightning.pytorch.callbacks"])
def test_a_callback_that_does_not_fit_is_refused_with_what_serves(package, kind, instead):
    with pytest.raises(ValueError, match=rf"callbacks\.mine .*{instead}"):
        check_callbacks({"last": None, "mine": {"_target_": f"{package}.{kind}"}})


def test_other_callbacks_are_accepted():
    check_callbacks({"last": None, "mine": {"_target_": "pytorch_lightning.callbacks.ModelSummary"}})
