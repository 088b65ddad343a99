"""Reading of weights from files and loading into a network; pickled code is never run."""

import pickle
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

OURS = "network."  # prefix of a network's names in a checkpoint of this project
PARTS = ("segmenter.", "classifier.")  # prefixes of the parts' names in a file of a cascade


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, a state_dict or a checkpoint of this project, by name.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file holds anything but tensors and plain values, or no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist")
    try:
        loaded: object = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, SafetensorError) as error:
        raise ValueError(
            f"{path} is not a readable file of weights; only tensors are loaded, never pickled code: "
            "save the network's state_dict"
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f"{path} holds no weights: save the network's state_dict")
    network = {name.removeprefix(OURS): value for name, value in tensors.items() if name.startswith(OURS)}
    return network or tensors  # a checkpoint of this project also holds the learned values of its loss


def load_matching(
    network: nn.Module,
    state: Mapping[str, Tensor],
    source: object,
    *,
    places: Sequence[str],
    heads: Sequence[str],
    stem: str | None = None,
) -> set[str]:
    """Load `state` into `network` or into the part of it that the file covers; return the names that were loaded.

    The file must hold the whole part to which its names belong, except mask filters and a head of another size, which
    stay unchanged. A file of a part may hold more than the part, as a backbone's file does with its own head. From a
    file of a cascade the matching part is loaded, unless the network is a cascade itself.

    Args:
        network, state: the network and the weights by name.
        source: name of the file for error messages.
        places: candidate prefixes of the file's names in the network; the one that matches most names is used.
        heads: prefixes of the names of the last layers.
        stem: name of the first convolution, if it may have mask filters in the file or in the network.

    Raises:
        ValueError: other layers are missing, unknown or of another shape; the message names the first of them.
    """
    own = network.state_dict()
    candidates = [(place, part) for part in _parts(state) for place in places]
    place, state = max(candidates, key=lambda candidate: sum(candidate[0] + name in own for name in candidate[1]))
    part = {name for name in own if name.startswith(place)}
    fitted = {_own_name(place + name, own, stem): value for name, value in state.items()}
    if len(part) < len(own):
        modules = {_module(name, place) for name in part}
        fitted = {name: value for name, value in fitted.items() if _module(name, place) in modules}
    differing = {name for name in fitted.keys() & own.keys() if fitted[name].shape != own[name].shape}
    resized = {name for name in differing if name.startswith(tuple(heads))}
    free = (*heads, f"{stem}.masks.")
    optional = {n for n in part | fitted.keys() if n.startswith(free) or n.endswith(".num_batches_tracked")}
    _refuse(source, "has another shape for", differing - resized)
    _refuse(source, "lacks", part - fitted.keys() - optional)
    _refuse(source, "has unknown", fitted.keys() - own.keys() - optional)
    loaded = {name: value for name, value in fitted.items() if name in own and name not in resized}
    network.load_state_dict(loaded, strict=False)
    unused = {_own_name(place + name, own, stem) for name in state} - own.keys()
    _describe(network, source, resized, own.keys() - loaded.keys() - resized, unused)
    return set(loaded)


def _describe(network: nn.Module, source: object, resized: Set[str], new: Set[str], unused: Set[str]) -> None:
    """Set the attribute `initial_weights` of a network, see `dermoscopy.contracts.networks.StartsFromFile`."""
    texts = []
    for names, meaning in (
        (resized, "stay new, as the file has another size"),
        (new, "stay new, as the file lacks them"),
        (unused, "of the file are left out"),
    ):
        if listed := sorted(n for n in names if not n.endswith(".num_batches_tracked") and "preprocessing." not in n):
            texts.append(f"{len(listed)} tensors ({', '.join(listed[:3])}{', ...' * (len(listed) > 3)}) {meaning}")
    network.initial_weights = f"{source}: {'; '.join(texts)}" if texts else ""  # type: ignore[assignment]


def _parts(state: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
    """Return the whole file, and each part of a cascade in it under the names within that part."""
    within = ({n.removeprefix(part): v for n, v in state.items() if n.startswith(part)} for part in PARTS)
    return [state, *within]


def _refuse(source: object, problem: str, names: Set[str]) -> None:
    if names:
        first = ", ".join(sorted(names)[:3])
        raise ValueError(f"{source} {problem} {len(names)} layers ({first}): the file is of another network")


def _own_name(name: str, own: Mapping[str, Tensor], stem: str | None) -> str:
    """Return the network's name of a weight, where the stem of file or network may have mask filters."""
    if stem is None or name in own:
        return name
    plain, masked = f"{stem}.", f"{stem}.rgb."
    return next((n for n in (name.replace(plain, masked), name.replace(masked, plain)) if n in own), name)


def _module(name: str, place: str) -> str:
    return name.removeprefix(place).partition(".")[0]
