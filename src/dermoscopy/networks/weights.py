"""Reading weights from files and fitting them onto a network; never a pickle that runs code."""

import pickle
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

OURS = "network."  # before the names of a network in a checkpoint of this project
PARTS = ("segmenter.", "classifier.")  # before the names of a part in a file of a cascade


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, a state_dict or a checkpoint of this project, by name.

    Raises:
        FileNotFoundError: no such file.
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
    return network or tensors  # a checkpoint of this project also holds what its loss has learnt


def load_matching(
    network: nn.Module,
    state: Mapping[str, Tensor],
    source: object,
    *,
    places: Sequence[str],
    heads: Sequence[str],
    stem: str | None = None,
) -> set[str]:
    """Load `state` into `network`, all of it or the part that the file is of; return the names that were loaded.

    What must be there is the part that the file's names belong to, but for mask filters and a head of another size,
    which stay as they are. A file of a part may hold more than the part, as a backbone does its own head. Of a file of
    a cascade the part is taken that fits, unless the network is a cascade itself.

    Args:
        network, state: weights by name go into this network.
        source: named in errors.
        places: what may precede the file's names in the network; the one that fits most of them is taken.
        heads: how the names of the last layers begin.
        stem: the first convolution, if it may have mask filters, in the file or in the network.

    Raises:
        ValueError: other layers are missing, unknown or of another shape; names the first of them.
    """
    own = network.state_dict()
    candidates = [(place, part) for part in _parts(state) for place in places]
    place, state = max(candidates, key=lambda found: sum(found[0] + name in own for name in found[1]))
    part = {name for name in own if name.startswith(place)}
    fitted = {_known_as(place + name, own, stem): value for name, value in state.items()}
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
    return set(loaded)


def _parts(state: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
    """Return all of a file, and each of the parts of a cascade that it holds, under the names in that part."""
    within = ({n.removeprefix(part): v for n, v in state.items() if n.startswith(part)} for part in PARTS)
    return [state, *within]


def _refuse(source: object, problem: str, names: Set[str]) -> None:
    if names:
        first = ", ".join(sorted(names)[:3])
        raise ValueError(f"{source} {problem} {len(names)} layers ({first}): it was made for another network")


def _known_as(name: str, own: Mapping[str, Tensor], stem: str | None) -> str:
    """The network's own name of a weight whose stem may be one with mask filters, in the file or in the network."""
    if stem is None or name in own:
        return name
    plain, masked = f"{stem}.", f"{stem}.rgb."
    return next((n for n in (name.replace(plain, masked), name.replace(masked, plain)) if n in own), name)


def _module(name: str, place: str) -> str:
    return name.removeprefix(place).partition(".")[0]
