"""Masks as network input, encoded (+1 present, -1 absent, 0 unknown), packed, zeroed; and as network output."""

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dermoscopy import NOT_ANNOTATED

MOST_PACKED = 15  # masks whose packed codes float32 still counts exactly


def encode(mask: Tensor) -> Tensor:
    """Turn the store's codes (0 absent, 1 present, 255 not annotated; uint8, any shape) into float -1, +1 and 0."""
    signed = mask.to(torch.float32).mul_(2).sub_(1)  # never in uint8: -1 would wrap to 255, "unknown" would read as 0
    return signed.masked_fill_(mask == NOT_ANNOTATED, 0)


def pack(stored: Tensor) -> Tensor:
    """Pack masks of the store (B, K, H, W) into one integer a pixel (B, 1, H, W): their -1, 0, +1 as ternary digits.

    All K masks then move as one plane, and a pixel outside the frame, 0, is unknown in each of them. int8 holds 5
    masks, int16 holds 10, int32 the rest.

    Raises:
        ValueError: more than 15 masks.
    """
    count = stored.shape[1]
    if count > MOST_PACKED:
        raise ValueError(f"data.masks names {count} masks, a network can read at most {MOST_PACKED}")
    kind = torch.int8 if count <= 5 else torch.int16 if count <= 10 else torch.int32
    code = torch.zeros(len(stored), 1, *stored.shape[2:], device=stored.device)
    for k in range(count):
        code.add_(encode(stored[:, k : k + 1]), alpha=3**k)
    return code.to(kind)


def unpack(code: Tensor, count: int) -> Tensor:
    """Return the ``count`` masks (B, K, H, W), float -1, 0, +1, that ``pack`` put into one plane (B, 1, H, W)."""
    rest = code[:, 0].float()
    masks = torch.empty(len(code), count, *code.shape[2:], device=code.device)
    for k in range(count):
        higher = (rest / 3).round_()
        torch.sub(rest, higher, alpha=3, out=masks[:, k])
        rest = higher
    return masks


def probabilities(logits: Tensor, exclusive: bool) -> Tensor:
    """Return the probability of each mask (B, K, H, W), float32.

    Args:
        logits: (B, K, H, W), or (B, K + 1, H, W) with the background first.
        exclusive: whether a pixel has at most one of the masks.
    """
    logits = logits.float()
    return logits.softmax(1)[:, 1:] if exclusive else logits.sigmoid()


def takes_masks(network: nn.Module) -> bool:
    """Tell whether a network of labels takes (image, mask), or an image alone.

    Raises:
        ValueError: it takes neither.
    """
    signature = inspect.signature(network.forward)
    try:
        signature.bind("image", "mask")
    except TypeError:
        try:
            signature.bind("image")
        except TypeError as error:
            kind = type(network).__name__
            raise ValueError(f"a network of labels takes image and mask, {kind} does not: {error}") from None
        return False
    return True


def in_bytes(probability: Tensor) -> Tensor:
    """Return 255 times the probability, rounded, as uint8: how predicted masks are kept."""
    return (255 * probability).round().to(torch.uint8)


def over_pixels(cells: Tensor, height: int, width: int) -> Tensor:
    """Give every pixel (..., height, width) the value of its cell (..., rows, columns).

    A side that the grid does not divide gets cells whose sizes differ by one pixel.
    """
    rows, columns = cells.shape[-2:]
    row = torch.arange(height, device=cells.device) * rows // height
    column = torch.arange(width, device=cells.device) * columns // width
    return cells[..., row[:, None], column]


def check_grid(key: str, rows: int, columns: int, height: int, width: int) -> None:
    """Raise ValueError, which names the key of the configuration, if a grid has more cells than the image pixels."""
    if rows > height or columns > width:
        raise ValueError(
            f"{key} {rows} x {columns} is finer than the image of {height} x {width} px: lower {key} or raise data.size"
        )


class Zeroing(nn.Module):
    """Replace masks by "unknown" at random, cell by cell.

    Each cell of a grid is erased independently with probability ``p``; a grid of one cell erases the whole mask.
    The expected erased area is ``p`` for every grid, only its spatial correlation differs.

    Args:
        p: probability that a cell is erased; 0 always gives the masks, 1 never does.
        grid: cells a side, or (rows, columns). 16, 8, 4 are cells of 14, 28, 56 px at 224 px. A side that the grid
            does not divide gets cells whose sizes differ by one pixel.
        per_channel: erase every mask channel by itself instead of all together.

    Raises:
        ValueError: p outside [0, 1], a grid without cells, or (in use) a grid finer than the mask.
    """

    def __init__(self, p: float, grid: int | Sequence[int] = 1, per_channel: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"zeroing.p must lie in [0, 1], got {p}")
        self.rows, self.columns = (grid, grid) if isinstance(grid, int) else grid
        if min(self.rows, self.columns) < 1:
            raise ValueError(f"zeroing.grid must be at least 1 cell a side, got {grid}")
        self.p = p
        self.per_channel = per_channel

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if self.p == 0:
            return mask
        if self.p == 1:
            return torch.zeros_like(mask)
        batch, channels, height, width = mask.shape
        self.check(height, width)
        drawn = (batch, channels if self.per_channel else 1, self.rows, self.columns)
        kept = torch.rand(drawn, generator=generator, device=mask.device) >= self.p
        return mask * over_pixels(kept, height, width)

    def check(self, height: int, width: int) -> None:
        """Raise ValueError if a mask of this size (pixels) has fewer rows or columns than the grid."""
        check_grid("zeroing.grid", self.rows, self.columns, height, width)

    def extra_repr(self) -> str:
        return f"p={self.p}, grid=({self.rows}, {self.columns}), per_channel={self.per_channel}"
