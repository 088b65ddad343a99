"""The parts that a configuration may name by `_target_`; a configuration may come from someone else.

Without `trust`, only classes of networks, losses, metrics, optimizers, schedulers, callbacks, loggers, profilers and
strategies are built, and functions that return a network; SECURITY.md has the reasons.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from omegaconf import ListConfig, OmegaConf

OWN = "dermoscopy"
# Rooms whose classes and functions are parts; the others write files or run programs.
ROOMS = ("data", "evaluation", "losses", "masks", "metrics", "networks", "tasks", "tracking", "training")
LIBRARIES = (
    *("torch", "torchvision", "timm", "segmentation_models_pytorch"),
    *("pytorch_lightning", "lightning", "lightning_fabric", "torchmetrics"),
)
# By name, as not every command needs torch. Lightning is installed as `pytorch_lightning` or as `lightning.pytorch`.
KINDS = {
    "torch.nn.modules.module.Module",
    "torch.optim.optimizer.Optimizer",
    "torch.optim.lr_scheduler.LRScheduler",
    *(
        f"{lightning}.{kind}"
        for lightning in ("pytorch_lightning", "lightning.pytorch")
        for kind in ("callbacks.callback.Callback", "profilers.profiler.Profiler", "strategies.strategy.Strategy")
    ),
    *(f"{fabric}.loggers.logger.Logger" for fabric in ("lightning_fabric", "lightning.fabric")),
}
MEANING = "network, loss, metric, optimizer, scheduler, callback, logger or other part of a training"
FUNCTIONS = ("timm.models._factory.create_model", "segmentation_models_pytorch.create_model")


class Refused(NamedTuple):
    """A `_target_` that is not built: where it stands, its name, why, and what to trust."""

    path: str
    target: str
    reason: str
    trust: str


def trusted(root: Any) -> list[str]:
    """Return the packages that the user trusts, by the key `trust` of a configuration.

    Raises:
        ValueError: it is no list of names of packages.
    """
    value = OmegaConf.select(root, "trust", default=None)
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, ListConfig) else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"trust must be a list of packages, such as trust=[own_parts], got {value}")
    return names


def refused(settings: Any, trust: Sequence[str]) -> list[Refused]:
    """Return what a part of the configuration must not build; nothing that is not allowed is imported.

    Args:
        settings: of the part, resolved; with a `_target_`, or parts that have one.
        trust: packages, modules or classes that are allowed as a whole.
    """
    targets = [*_targets(settings)]
    unknown = [(path, name) for path, name in targets if not _within(name, [*trust, OWN, *LIBRARIES])]
    if unknown:
        reason = f"is neither of {OWN} nor of its libraries"
        return [Refused(path, name, reason, name.split(".")[0]) for path, name in unknown]
    unfit = [(path, name) for path, name in targets if not _fits(name, tuple(trust))]
    return [Refused(path, name, f"is no {MEANING}", name) for path, name in unfit]


def _targets(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Return the path and the name of every `_target_`, at any depth."""
    if isinstance(value, dict):
        if "_target_" in value:
            yield path, str(value["_target_"])
        for key, inner in value.items():
            yield from _targets(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _targets(inner, f"{path}.{number}")


@cache
def _fits(name: str, trust: Sequence[str]) -> bool:
    """Check whether an object of an allowed package is a part.

    Raises:
        ValueError: there is no such object.
    """
    found = _locate(name)
    return _within(name, trust) or _is_part(found)


def _is_part(found: Any) -> bool:
    """Check whether an object is a part by where it is defined: torch.os.system is of os."""
    package, room, *_ = [*_true_name(found).split("."), ""]
    if package == OWN:
        return room in ROOMS
    if package not in LIBRARIES:
        return False
    if isinstance(found, type):
        return any(_true_name(base) in KINDS for base in found.__mro__)
    return _true_name(found) in FUNCTIONS or _returns_network(found)


def _returns_network(found: Any) -> bool:
    """Check whether a function is one of the named networks of torchvision or timm."""
    from timm.models import is_model, model_entrypoint  # noqa: PLC0415  (torch, which takes seconds)
    from torchvision.models import get_model_builder, list_models  # noqa: PLC0415

    name = getattr(found, "__name__", "")
    if is_model(name) and model_entrypoint(name) is found:
        return True
    return name in list_models() and get_model_builder(name) is found


def _locate(name: str) -> Any:
    """Return the object of a dotted name, imported as Hydra does.

    Raises:
        ValueError: there is none.
    """
    first, *rest = name.split(".")
    try:
        found = import_module(first)
        for number, part in enumerate(rest, 1):
            if not hasattr(found, part):
                import_module(".".join([first, *rest[:number]]))
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"Python cannot find {name}: {error}") from error
    return found


def _true_name(found: Any) -> str:
    """Return the name under which an object was defined."""
    return f"{getattr(found, '__module__', None) or type(found).__module__}.{getattr(found, '__qualname__', '')}"


def _within(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
