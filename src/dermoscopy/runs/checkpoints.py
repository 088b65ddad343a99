"""Reading the checkpoints of a stage."""

import errno
from pathlib import Path
from typing import Any

import torch

OVER = "training_is_over"
REMEMBERED = "remembered"  # by the task, such as the warnings so far; checkpoints of older versions have none


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, with its tensors memory-mapped on the CPU.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True, mmap=True))
    except Exception as error:  # torch raises dozens of types for bytes that are no checkpoint
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno != errno.EINVAL):
            raise  # EINVAL: it looked for a place before the beginning of a short file
        raise ValueError(f"{path} is damaged ({error}): delete it, and its stage is trained again") from error


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint."""
    state: dict[str, torch.Tensor] = read_checkpoint(path)["state_dict"]
    return state
