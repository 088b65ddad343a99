"""Random numbers as a function of (seed, stage, epoch, step, purpose), never of hidden state."""

import hashlib

import torch


def derive(*parts: int | str) -> int:
    """Return a 63-bit seed that depends on every part and on nothing else."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh generator on ``device``, seeded by ``derive(*parts)``."""
    return torch.Generator(device).manual_seed(derive(*parts))
