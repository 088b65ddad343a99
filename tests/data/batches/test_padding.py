"""Padding: pixels beyond the original are filled from the image, and nothing else changes."""

import numpy as np
import pytest
import torch

from dermoscopy.data.batches.padding import Padding, visible_part
from dermoscopy.data.store.frame import place


def padding(original: tuple[int, int], size: tuple[int, int], fit: str, kind: str) -> Padding:
    return Padding(np.array([place(original, size, fit)], np.int32), size, kind, "datamodule.padding")


@pytest.mark.parametrize(("kind", "mode"), [("border", "edge"), ("reflection", "reflect"), ("constant", "constant")])
@pytest.mark.parametrize("original", [(20, 40), (40, 20), (12, 40), (40, 31), (4, 40), (1, 40), (40, 40)])
def test_the_padded_part_is_that_of_numpy(kind, mode, original):
    frame = place(original, (40, 40), "pad")
    before, left = -frame.top, -frame.left
    widths = ((0, 0), (0, 0), (before, 40 - original[0] - before), (left, 40 - original[1] - left))
    content = np.random.default_rng(0).integers(1, 256, (1, 3, *original), dtype=np.uint8)
    stored = torch.from_numpy(np.pad(content, widths))
    filled = padding(original, (40, 40), "pad", kind).fill(stored, torch.tensor([0]))
    assert np.array_equal(filled, np.pad(content, widths, mode=mode))


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("kind", ["border", "reflection"])
def test_a_store_that_is_cropped_or_stretched_has_nothing_to_fill(fit, kind):
    unchanged = padding((31, 57), (16, 24), fit, kind)
    stored = torch.arange(3 * 16 * 24).view(1, 3, 16, 24)
    assert not unchanged.needed
    assert unchanged.fill(stored, torch.tensor([0])) is stored


@pytest.mark.parametrize("original", [(767, 1022), (450, 600), (2848, 4288), (33, 8), (5, 9)])
@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
def test_a_row_is_visible_if_any_of_it_lies_in_the_original(original, size):
    frame = place(original, size, "pad")
    part = visible_part(np.array([frame], np.int32), size)
    for count, whole, start, length, first, last in (
        (size[0], original[0], frame.top, frame.height, part.top, part.bottom),
        (size[1], original[1], frame.left, frame.width, part.left, part.right),
    ):
        edges = start + np.arange(count + 1) * length / count
        visible = np.flatnonzero(np.minimum(edges[1:], whole) - np.maximum(edges[:-1], 0) > 1e-9)
        assert (first.item(), last.item()) == (visible[0], visible[-1])


def test_an_unknown_padding_is_refused_by_its_key():
    with pytest.raises(ValueError, match=r"datamodule.padding must be one of .*, got 'mirror'"):
        padding((8, 8), (8, 8), "pad", "mirror")
