"""Reading of weights from files and loading into a network; pickled code is never run."""

import errno
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

OURS = "network."  # prefix of a network's names in a checkpoint of this project
NESTED = ("state_dict", "model_state_dict", "model")  # keys under which programs keep the weights in a checkpoint
WRAPPERS = ("module.", "model.")  # prefixes of all names, where a program saves a network within another object
PARTS = ("segmenter.", "classifier.")  # prefixes of the parts' names in a file of a cascade


def read_weights(path: str | Path, argument: str = "checkpoint") -> dict[str, Tensor]:
    """Return the weights in a file of any program, by name; a prefix that a program puts before all names is left out.

    Args, Raises: see `read_tensors`.
    """
    tensors = read_tensors(path, argument)
    prefix = next((prefix for prefix in WRAPPERS if all(name.startswith(prefix) for name in tensors)), "")
    return {name.removeprefix(prefix): value for name, value in tensors.items()}


def read_tensors(path: str | Path, argument: str = "checkpoint") -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, a state_dict or a checkpoint of this or another program, by name.

    Args:
        path: of the file.
        argument: that names the file, for the message.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file holds anything but tensors and plain values, or no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{argument} {path} does not exist")
    try:
        loaded: object = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # torch raises dozens of types for bytes that are no file of weights
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno != errno.EINVAL):
            raise  # EINVAL: it looked for a place before the beginning of a short file
        raise ValueError(
            f"{path} is not a readable file of weights; only tensors are loaded, never pickled code: "
            "save the network's state_dict"
        ) from error
    state = loaded if isinstance(loaded, Mapping) else {}
    state = next((state[place] for place in NESTED if isinstance(state.get(place), Mapping)), state)
    tensors = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
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
    candidates = [
        (place, {_own_name(place, name, own, stem): value for name, value in part.items()})
        for part in _parts(state)
        for place in places
    ]
    place, named = max(candidates, key=lambda candidate: len(candidate[1].keys() & own.keys()))
    part = {name for name in own if name.startswith(place)}
    fitted = named
    if len(part) < len(own):
        modules = {_module(name, place) for name in part}
        fitted = {name: value for name, value in fitted.items() if _module(name, place) in modules}
    masks = f"{stem}.masks."
    differing = {name for name in fitted.keys() & own.keys() if fitted[name].shape != own[name].shape}
    resized = {name for name in differing if name.startswith((*heads, masks))}
    optional = {n for n in part | fitted.keys() if n.startswith((*heads, masks)) or n.endswith(".num_batches_tracked")}
    _refuse(source, "has another shape for", differing - resized)
    _refuse(source, "lacks", part - fitted.keys() - optional)
    _refuse(source, "has unknown", fitted.keys() - own.keys() - optional)
    loaded = {name: value for name, value in fitted.items() if name in own and name not in resized}
    network.load_state_dict(loaded, strict=False)
    _describe(network, source, resized, own.keys() - loaded.keys() - resized, named.keys() - own.keys())
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


def _own_name(place: str, name: str, own: Mapping[str, Tensor], stem: str | None) -> str:
    """Return the network's name of a weight; the name as it is where the network does not have it.

    The stem of file or network may have mask filters; and where a timm model gives its features alone, timm joins the
    first two parts of some names, such as stages_0.blocks of stages.0.blocks.
    """
    names = [place + name, place + name.replace(".", "_", 1)]
    if stem is not None:
        plain, masked = f"{stem}.", f"{stem}.rgb."
        names += [names[0].replace(plain, masked), names[0].replace(masked, plain)]
    return next((n for n in names if n in own), names[0])


def _module(name: str, place: str) -> str:
    return name.removeprefix(place).partition(".")[0]
