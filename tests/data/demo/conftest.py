"""Photographs of the demo data with chosen attributes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dermoscopy.data.demo.cases import draw_case
from dermoscopy.data.demo.drawing import Photograph, draw_photograph


@pytest.fixture(scope="session")
def render() -> Callable[..., Photograph]:
    """Draws a photograph of a lesion that has just these attributes."""

    def draw(index: int, attributes: set[str], size: tuple[int, int] = (144, 192)) -> Photograph:
        case = replace(draw_case(seed=0, lesion=index), attributes=frozenset(attributes))
        return draw_photograph(0, index, index, case, size)

    return draw
