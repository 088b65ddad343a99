"""A photograph matches its case at any size."""

from dataclasses import replace

import numpy as np
from PIL import Image

from dermoscopy.data.demo.drawing import Photograph, draw_photograph
from dermoscopy.data.demo.lesions import ATTRIBUTES, draw_case


def render(index: int, attributes: set[str], size: tuple[int, int] = (144, 192)) -> Photograph:
    case = replace(draw_case(seed=0, lesion=index), attributes=frozenset(attributes))
    return draw_photograph(0, index, index, case, size)


def test_every_attribute_of_a_case_is_drawn_in_any_combination() -> None:
    for index in range(12):
        photograph = render(index, set(ATTRIBUTES), size=(48, 64))
        assert set(photograph.attributes) == set(ATTRIBUTES)
        regions = np.stack(list(photograph.attributes.values()))
        assert regions.any(axis=(1, 2)).all()
        assert regions.sum(axis=0).max() == 1  # disjoint
        assert not (regions.any(axis=0) & ~photograph.lesion).any()


def test_a_structure_survives_the_reduction_to_64_pixels() -> None:
    for name in ATTRIBUTES:
        changes = []
        for index in range(6):
            drawn, plain = render(index, {name}, size=(192, 256)), render(index, set(), size=(192, 256))
            small = [
                np.asarray(Image.fromarray(photograph.image).resize((64, 48), Image.Resampling.BOX), float)
                for photograph in (drawn, plain)
            ]
            changes.append(np.abs(small[0] - small[1]).max())
        assert np.median(changes) > 20, name


def test_any_size_shows_the_same_scene() -> None:
    large, small = render(1, set(ATTRIBUTES), size=(192, 256)), render(1, set(ATTRIBUTES), size=(96, 128))
    reduced = np.asarray(Image.fromarray(large.lesion).convert("L").resize((128, 96), Image.Resampling.BOX)) > 127
    assert (reduced & small.lesion).sum() > 0.95 * (reduced | small.lesion).sum()
