"""Reading weights from files and fitting them onto a network; never a pickle that runs code."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, a state_dict or a checkpoint of this project, by name.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file holds anything but tensors and plain values, or no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"network.checkpoint {path} does not exist")
    try:
        loaded: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path} is not a readable file of weights; only tensors are loaded, never pickled code: "
            "save the network's state_dict"
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    tensors = {name.removeprefix("network."): value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f"{path} holds no weights: save the network's state_dict")
    return tensors


def load_matching(network: nn.Module, state: Mapping[str, Tensor], source: object, stem: str, head: str) -> None:
    """Load ``state`` into ``network``; only mask filters and a head of another size may be left as they are.

    Args:
        network: a network whose backbone is its attribute ``backbone``.
        state: weights named as in this network or as in the bare backbone.
        source: named in errors.
        stem: name of the first convolution; an RGB-only stem is fitted to one with mask filters, and the other way.
        head: name of the last layer.

    Raises:
        ValueError: other layers are missing, unknown or of another shape; names the first of them.
    """
    own = network.state_dict()
    fitted = {}
    for name, value in state.items():
        if not name.startswith("backbone."):
            name = f"backbone.{name}"
        name = name if name in own else name.replace(f"{stem}.rgb.", f"{stem}.").replace(f"{stem}.", f"{stem}.rgb.")
        name = name if name in own else name.replace(f"{stem}.rgb.", f"{stem}.")
        fitted[name] = value
    resized = {n for n in fitted.keys() & own.keys() if fitted[n].shape != own[n].shape and n.startswith(head)}
    optional = resized | {n for n in own.keys() | fitted.keys() if n.startswith((f"{stem}.masks.", head))}
    wrong = {n for n in fitted.keys() & own.keys() - resized if fitted[n].shape != own[n].shape}
    missing, unknown = own.keys() - fitted.keys() - optional, fitted.keys() - own.keys() - optional
    for problem, names in (("has another shape for", wrong), ("lacks", missing), ("has unknown", unknown)):
        if names:
            first = ", ".join(sorted(names)[:3])
            raise ValueError(f"{source} {problem} {len(names)} layers ({first}): it was made for another network")
    network.load_state_dict({n: v for n, v in fitted.items() if n in own and n not in resized}, strict=False)
