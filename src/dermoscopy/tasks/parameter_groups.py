"""Parameter groups of an optimizer: rates of head and body, rates that fall from block to block, weight decay."""

import math
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn
from torch.optim import Optimizer

from dermoscopy.contracts.networks import NamesBlocks, NamesHead

Named = tuple[str, nn.Parameter]
BuildOptimizer = Callable[[Iterable[Any]], Optimizer]
LR_SCALE = "lr_scale"  # entry of a group: its rate as a multiple of that of the optimizer
PART = "part"  # entry of a group: body or head


@runtime_checkable
class NamesUndecayed(Protocol):
    """A timm model with parameters that never decay, such as position embeddings."""

    def no_weight_decay(self) -> Set[str]: ...


@dataclass(frozen=True)
class ParameterGroups:
    """Learning rates and weight decay that differ between the parameters of a network.

    The head is what the weights of another task lack: the last layers of a classifier and its filters for masks, the
    decoder and last layer of an encoder-decoder (`NamesHead`); of any other network it is the last layer. All other
    parameters are the body, whose last block has the rate of the optimizer.

    Args:
        head: learning rate of the head, as a multiple of that of the optimizer.
        layer_decay: factor on the learning rate per block between a parameter of the body and the last block. Blocks
            are timm's for a classifier, the levels of the encoder for an encoder-decoder.
        decay_norms: whether weights of one dimension (normalisation layers, biases) decay; false: neither they nor what
            timm never decays do.

    Source of `layer_decay`: H. Bao et al., BEiT: BERT Pre-Training of Image Transformers, ICLR 2022, arXiv 2106.08254.

    Raises:
        ValueError: a value is out of its range.
    """

    head: float
    layer_decay: float
    decay_norms: bool

    def __post_init__(self) -> None:
        if not 0 < self.head < math.inf:
            raise ValueError(
                f"head must be a number above 0, got {self.head}; to train no head, name it in model.freeze"
            )
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay must lie in (0, 1], got {self.layer_decay}")

    def build(self, optimizer: BuildOptimizer, module: nn.Module, network: nn.Module, prefix: str) -> Optimizer:
        """Return an optimizer of the trainable parameters of a module; one group if nothing differs.

        Args:
            optimizer: a partial of an optimizer, called with parameters or groups of them.
            module: all of whose trainable parameters are optimised.
            network: the part of the module that has head and body.
            prefix: of the names of the network's parameters in the module.

        Raises:
            ValueError: `layer_decay` of a network without blocks, or rates of an optimizer that has none.
        """
        trainable = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        if (self.head, self.layer_decay, self.decay_norms) == (1, 1, True):
            return optimizer([parameter for _, parameter in trainable])
        built = optimizer(self._groups(trainable, network, prefix))
        for group in built.param_groups:
            if group[LR_SCALE] != 1:
                if group.get("lr") is None:
                    kind = type(built).__name__
                    raise ValueError(f"parameter_groups sets rates, but {kind} has no learning rate: set optimizer.lr")
                group["lr"] *= group[LR_SCALE]
        return built

    def remarks(self, optimizer: Optimizer) -> list[str]:
        """Return one line for each value that changes nothing about this optimizer, which `build` returned."""
        groups, lines = optimizer.param_groups, []
        if self.head != 1 and not any(group[PART] == "head" for group in groups):
            lines.append("parameter_groups.head changes nothing: all of the head is frozen")
        if self.layer_decay != 1 and len({group[LR_SCALE] for group in groups if group[PART] == "body"}) < 2:
            lines.append("parameter_groups.layer_decay changes nothing: at most one block of the body is trained")
        if not self.decay_norms and not any(group.get("weight_decay") for group in groups):
            lines.append("parameter_groups.decay_norms changes nothing: the optimizer has no weight decay")
        return lines

    def _groups(self, trainable: Iterable[Named], network: nn.Module, prefix: str) -> list[dict[str, Any]]:
        """Return the groups, in the order of their first parameters."""
        heads = tuple(prefix + name for name in head_names(network))
        blocks = {prefix + name: count for name, count in self._blocks(network).items()}
        undecayed = set() if self.decay_norms else {prefix + name for name in _undecayed(network)}
        groups: dict[tuple[str, float, bool], list[nn.Parameter]] = {}
        for name, parameter in trainable:
            is_head = name.startswith(heads)
            scale = self.head if is_head else self.layer_decay ** blocks.get(name, 0)
            decays = self.decay_norms or not (parameter.ndim <= 1 or name in undecayed)
            groups.setdefault(("head" if is_head else "body", scale, decays), []).append(parameter)
        return [
            {"params": parameters, PART: part, LR_SCALE: scale} | ({} if decays else {"weight_decay": 0.0})
            for (part, scale, decays), parameters in groups.items()
        ]

    def _blocks(self, network: nn.Module) -> dict[str, int]:
        """Return the number of blocks after that of each parameter of the body; none if no rate depends on it."""
        if self.layer_decay == 1:
            return {}
        blocks: dict[str, int] = {}
        for path, part in _parts(network):
            if not isinstance(part, NamesBlocks):
                raise ValueError(
                    f"parameter_groups.layer_decay needs blocks, and {type(part).__name__} names none: leave it out, "
                    "or choose network=classifier or a segmenter with an encoder"
                )
            blocks |= {path + name: count for name, count in part.blocks_to_output().items()}
        return blocks


def head_names(network: nn.Module) -> list[str]:
    """Return the beginnings of the names of the parameters of the head."""
    names = []
    for path, part in _parts(network):
        names += [path + name for name in (part.head_names() if isinstance(part, NamesHead) else _last_layer(part))]
    return names


def _parts(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the parts of a network that have a head each: itself, or those within it that name theirs."""
    if isinstance(module, NamesHead) or not any(isinstance(part, NamesHead) for part in module.modules()):
        if next(module.parameters(), None) is not None:
            yield path, module
        return
    for name, child in module.named_children():
        yield from _parts(child, f"{path}{name}.")


def _last_layer(network: nn.Module) -> list[str]:
    """Return the name of the last layer with parameters of its own, in a list."""
    names = [name for name, layer in network.named_modules() if next(layer.parameters(recurse=False), None) is not None]
    return [f"{names[-1]}." if names[-1] else ""]


def _undecayed(network: nn.Module) -> Iterator[str]:
    """Yield the names of the parameters that timm never decays."""
    for path, part in network.named_modules():
        if isinstance(part, NamesUndecayed):
            yield from (f"{path}.{name}" if path else name for name in part.no_weight_decay())
