"""Freezing of parameters by patterns of their names."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dermoscopy.machine.messages import nearest


def freeze(network: nn.Module, patterns: Sequence[str]) -> None:
    """Freeze the parameters that match patterns; the last matching pattern decides.

    A pattern matches parameters or modules, by their full names or without the first part (`model.` or `backbone.`),
    with `*` and `?` as in a shell, where `*` also matches dots; a leading `!` makes them trainable: ["encoder"],
    ["encoder.layer1", "*.bias"], or ["*", "!conv1", "!fc"] for all of a ResNet but its stem and head.

    Raises:
        ValueError: no list, a pattern without a match, or nothing left to train.
    """
    if patterns is None or isinstance(patterns, str):
        raise ValueError(f"freeze must be a list of patterns, such as [encoder], got {patterns!r}")
    unused = dict.fromkeys(patterns)
    for name, parameter in network.named_parameters():
        for pattern in patterns:
            if _fits(name, pattern.removeprefix("!")):
                parameter.requires_grad = pattern.startswith("!")
                unused.pop(pattern, None)
    if unused:
        first = next(iter(unused))
        available = dict.fromkeys(path for name, _ in network.named_parameters() for path in _paths(name))
        close = nearest(first.removeprefix("!"), available)
        kind = type(network).__name__
        raise ValueError(f"freeze names {first!r}, which is no part of the network, {kind}{close}")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"freeze={list(patterns)} leaves nothing to train")


def frozen_norms(network: nn.Module) -> list[nn.Module]:
    """Return the batch normalisations without trainable parameters: their running statistics stay fixed as well."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return [m for m in norms if m.affine and not any(p.requires_grad for p in m.parameters())]


def _fits(name: str, pattern: str) -> bool:
    return any(fnmatchcase(path, pattern) for path in _paths(name))


def _paths(name: str) -> Iterator[str]:
    """Yield the names of a parameter and of all modules that contain it, in full and without their first part."""
    while name:
        yield name
        if "." in name:
            yield name.partition(".")[2]
        name = name.rpartition(".")[0]
