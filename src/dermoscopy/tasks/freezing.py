"""Which parameters of a network stay as they are."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze(network: nn.Module, patterns: Sequence[str]) -> None:
    """Keep the parameters named by patterns out of training; the last pattern that fits a parameter decides.

    A pattern names parameters or modules, in full or by their last part, with `*` and `?` as in a shell; `!` before it
    lets them train: ["encoder"], or ["*", "!conv1", "!fc"] for all but stem and head.

    Raises:
        ValueError: a pattern that fits nothing, or nothing left to train.
    """
    unused = dict.fromkeys(patterns)
    for name, parameter in network.named_parameters():
        for pattern in patterns:
            if _fits(name, pattern.removeprefix("!")):
                parameter.requires_grad = pattern.startswith("!")
                unused.pop(pattern, None)
    if unused:
        parts = ", ".join(dict.fromkeys(name.split(".")[0] for name, _ in network.named_parameters()))
        raise ValueError(
            f"model.freeze names {next(iter(unused))!r}, which the network has not; it begins with: {parts}"
        )
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"model.freeze={list(patterns)} leaves nothing to train")


def frozen_norms(network: nn.Module) -> list[nn.Module]:
    """Return the batch normalisations none of whose parameters trains: their running statistics stay as well."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return [m for m in norms if m.affine and not any(p.requires_grad for p in m.parameters())]


def _fits(name: str, pattern: str) -> bool:
    return any(fnmatchcase(path, pattern) or fnmatchcase(path.rpartition(".")[2], pattern) for path in _paths(name))


def _paths(name: str) -> Iterator[str]:
    """Yield the name of a parameter and of all modules it is in."""
    while name:
        yield name
        name = name.rpartition(".")[0]
