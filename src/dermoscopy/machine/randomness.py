"""Random numbers as a function of (seed, stage, epoch, step, purpose), never of hidden state."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a stage derives its seed, and thus its key, without the seconds of importing torch
    import torch


def derive(*parts: int | str) -> int:
    """Return a 63-bit seed that depends only on the parts and their order."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def repeat_seed(seed: int, fold: int | None) -> int:
    """Return the seed of the initial weights and all random draws of a run.

    It differs between the folds of one seed, so that they are repeats with draws of their own, although they share the
    partition that `seed` alone determines.

    Args:
        seed: of the run.
        fold: of its split; None: a split without folds, whose runs have `seed` itself.
    """
    return seed if fold is None else derive(seed, "fold", fold)


def generator(*parts: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator on `device`, seeded by `derive(*parts)`."""
    import torch  # noqa: PLC0415  (see the top)

    return torch.Generator(device).manual_seed(derive(*parts))


def seed_hidden_state(seed: int, device: torch.device) -> None:
    """Seed the generators that torch's own layers draw from (dropout), on the CPU and on `device`.

    Equivalent to `torch.manual_seed`, without the half millisecond in which it records its caller.
    """
    import torch  # noqa: PLC0415  (see the top)

    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
