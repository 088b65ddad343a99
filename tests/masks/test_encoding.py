"""Encoding of masks: the store's values as -1, 0, +1, and packed into one plane."""

import pytest
import torch

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.machine.randomness import generator
from dermoscopy.masks.encoding import encode, pack, unpack


def test_encoding_gives_minus_one_zero_and_one_as_float():
    stored = torch.tensor([0, 1, NOT_ANNOTATED], dtype=torch.uint8)
    encoded = encode(stored)
    assert encoded.dtype == torch.float32
    assert encoded.tolist() == [-1.0, 1.0, 0.0]
    assert stored.tolist() == [0, 1, NOT_ANNOTATED]


@pytest.mark.parametrize(("count", "kind"), [(0, torch.int8), (5, torch.int8), (6, torch.int16), (15, torch.int32)])
def test_packed_masks_come_back_as_they_were_encoded(count, kind):
    choice = torch.randint(0, 3, (4, count, 9, 7), generator=generator("pack", count))
    stored = torch.tensor([0, 1, NOT_ANNOTATED], dtype=torch.uint8)[choice]
    code = pack(stored)
    assert code.dtype == kind
    assert code.shape == (4, 1, 9, 7)
    assert torch.equal(unpack(code, count), encode(stored))


def test_more_masks_than_can_be_packed_are_refused():
    with pytest.raises(ValueError, match="16 masks .* at most 15"):
        pack(torch.zeros(1, 16, 2, 2, dtype=torch.uint8))
