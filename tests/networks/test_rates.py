"""Rates with which parts of a network are dropped in training."""

import math

import pytest
from parts import make_classifier

from dermoscopy.networks.rates import check_rates, checked_rate

WRONG = (2, 1, 1.0, -0.5, math.nan, math.inf)


@pytest.mark.parametrize("rate", WRONG)
def test_a_rate_with_which_nothing_could_be_learned_is_refused(rate):
    with pytest.raises(ValueError, match=rf"^dropout must lie in \[0, 1\), got {rate}"):
        checked_rate("dropout", rate)
    for option in ("drop_path_rate", "attn_drop_rate"):
        with pytest.raises(ValueError, match=rf"^options has {option}={rate}, .* \[0, 1\)"):
            check_rates({"img_size": 64, option: rate})


def test_other_options_may_have_any_value():
    check_rates({"img_size": 64, "drop_path_rate": 0, "proj_drop_rate": 0.9, "layer_scale": 5, "patch_drop_rate": None})
    assert checked_rate("dropout", 0.5) == 0.5


@pytest.mark.parametrize("rate", [2, math.nan])
def test_a_classifier_refuses_such_rates(rate):
    with pytest.raises(ValueError, match="dropout"):
        make_classifier("test_resnet", ("a",), dropout=rate)
    with pytest.raises(ValueError, match="options has drop_path_rate"):
        make_classifier("test_resnet", ("a",), options={"drop_path_rate": rate})
