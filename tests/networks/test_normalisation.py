"""Normalisation: a network reads images as its weights expect them, for any normalisation of the data."""

import pytest
import torch

from dermoscopy.machine.randomness import generator
from dermoscopy.networks.normalisation import Preprocessing, custom_preprocessing

DATA = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
OTHER = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalised(raw: torch.Tensor, mean, std) -> torch.Tensor:
    return (raw - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


@pytest.fixture
def raw() -> torch.Tensor:
    """Images of RGB in 0 ... 1."""
    return torch.rand((2, 3, 5, 4), generator=generator("raw"))


def test_images_become_what_the_weights_expect(raw):
    preprocessing = Preprocessing(*DATA)
    preprocessing.expect(*OTHER)
    torch.testing.assert_close(preprocessing(normalised(raw, *DATA)), normalised(raw, *OTHER))


def test_a_map_computed_by_hand():
    preprocessing = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    preprocessing.expect((0.0, 0.25, 1.0), (1.0, 0.5, 0.25))
    image = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1)  # of RGB 0, 0.5 and 1
    assert preprocessing(image).flatten().tolist() == [0.0, 0.5, 0.0]


def test_nothing_is_computed_until_the_weights_expect_something_else(raw):
    preprocessing = Preprocessing(*DATA)
    assert preprocessing(raw) is raw
    preprocessing.expect(*OTHER)
    assert preprocessing(raw) is not raw
    preprocessing.expect(*DATA)
    assert preprocessing(raw) is raw


def test_the_normalisation_of_the_weights_is_saved_with_them_and_that_of_the_data_is_not(raw):
    trained, loaded = Preprocessing(*DATA), Preprocessing((0.1, 0.2, 0.3), (0.3, 0.2, 0.1))
    trained.expect(*OTHER)
    assert set(trained.state_dict()) == {"mean", "std"}
    loaded.load_state_dict(trained.state_dict())
    image = normalised(raw, (0.1, 0.2, 0.3), (0.3, 0.2, 0.1))
    torch.testing.assert_close(loaded(image), normalised(raw, *OTHER), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "given", [{"mean": [0, 0, 0]}, {"mean": [0, 0], "std": [1, 1, 1]}, {"mean": [0, 0, 0], "std": [1, 0, 1]}]
)
def test_a_custom_normalisation_needs_three_means_and_three_positive_deviations(given):
    with pytest.raises(ValueError, match=r"preprocessing"):
        custom_preprocessing(given)
    assert custom_preprocessing({"mean": [0, 0.5, 1], "std": [1, 2, 3]}) == ([0, 0.5, 1], [1, 2, 3])
