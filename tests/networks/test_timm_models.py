"""Names of timm's models: those that it has, with and without the name of their weights."""

import pytest

from dermoscopy.networks.timm_models import check_timm_model


@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k", "test_resnet", "efficientnet_lite1", "convnext_atto"])
def test_names_of_timm_are_accepted(name):
    check_timm_model("backbone", name)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("resnet1", "did you mean.*resnet"),
        ("resnet18.nope", r"choose resnet18 or .*resnet18\.a1_in1k"),
        ("efficientnet_lite1.in1k", "choose efficientnet_lite1$"),
        ("", "not a timm model"),
    ],
)
def test_other_names_are_refused_with_those_that_exist(name, answer):
    with pytest.raises(ValueError, match=f"backbone '{name}'.*{answer}"):
        check_timm_model("backbone", name)
