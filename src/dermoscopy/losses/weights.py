"""Weights of labels and masks as a configuration has them: a list, or by name."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dermoscopy.machine.messages import nearest

Weights = str | Sequence[float] | Mapping[str, float] | None  # as in a configuration


def weights_by_name(argument: str, given: Weights, names: Sequence[str], words: Sequence[str]) -> Tensor:
    """Return the weight of each name (n,), 1 where none is configured.

    Args:
        argument: which holds the weights, for messages.
        given: the weights, as a list or by name, or None.
        names: of the labels or masks.
        words: texts that the argument may be instead, which the caller has replaced.

    Raises:
        ValueError: a weight is not positive or of an unknown name, their number is wrong, or `given` is a text.
    """
    if given is None:
        return torch.ones(len(names))
    if isinstance(given, str):
        raise ValueError(f"{argument} must be {', '.join(['null', *words])}, a list or a mapping, got {given!r}")
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ValueError(
                f"{argument} names {unknown}, but there are {list(names)}{nearest(str(unknown[0]), names)}"
            )
        given = [given.get(name, 1.0) for name in names]
    if len(given) != len(names) or not all(0 < weight < math.inf for weight in given):
        raise ValueError(
            f"{argument} needs {len(names)} positive numbers, one for each of {list(names)}, got {list(given)}"
        )
    return torch.tensor([float(weight) for weight in given])
