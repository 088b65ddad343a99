"""A structure is drawn in its region, darker or brighter than the skin."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from dermoscopy.data.demo.drawing import Photograph, draw_photograph
from dermoscopy.data.demo.lesions import draw_case


def render(index: int, attributes: set[str], size: tuple[int, int] = (144, 192)) -> Photograph:
    case = replace(draw_case(seed=0, lesion=index), attributes=frozenset(attributes))
    return draw_photograph(0, index, index, case, size)


@pytest.mark.parametrize(
    ("name", "brighter"),
    [
        ("globules", False),
        ("milia_like_cyst", True),
        ("negative_network", True),
        ("pigment_network", False),
        ("streaks", False),
    ],
)
def test_a_structure_changes_the_image_in_its_region_only_and_in_its_direction(name: str, brighter: bool) -> None:
    for index in range(6):
        drawn, plain = render(index, {name}), render(index, set())
        change = (drawn.image.astype(float) - plain.image).mean(axis=-1)
        region = drawn.attributes[name]
        reach = ndimage.binary_dilation(region, iterations=4)  # the optical blur extends slightly beyond the region
        strongest = np.abs(change[region]).argmax()
        assert (change[region].mean() > 0) == brighter
        assert (change[region][strongest] > 0) == brighter and abs(change[region][strongest]) > 10
        assert np.abs(change[~reach]).max() <= 1
