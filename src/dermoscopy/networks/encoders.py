"""Encoders of segmentation_models_pytorch: their names, published weights and the images that those expect."""

from collections.abc import Mapping, Sequence

import segmentation_models_pytorch as smp
import timm

from dermoscopy.machine.messages import nearest

TIMM = "tu-"  # what smp writes before the name of a timm model
PUBLISHED = smp.encoders.encoders
Statistics = tuple[Sequence[float], Sequence[float]]  # mean and standard deviation of R, G, B in 0 ... 1


def check_encoder(name: str) -> None:
    """Raise ValueError, with the nearest names, if smp has no such encoder."""
    if name in PUBLISHED or (name.startswith(TIMM) and timm.is_model(name.removeprefix(TIMM))):
        return
    known = [*PUBLISHED, *(TIMM + model for model in timm.list_models())]
    raise ValueError(f"encoder {name!r} is neither an encoder of smp nor tu-TIMM_MODEL{nearest(name, known)}")


def published_weights(encoder: str, pretrained: bool | str) -> str | bool | None:
    """Return what smp calls the published weights that `pretrained` asks for; None for none.

    Args:
        encoder: a name that `check_encoder` lets pass.
        pretrained: true takes the first that are published, usually imagenet; or their name.

    Raises:
        ValueError: no weights of that name.
    """
    if not pretrained:
        return None
    if encoder.startswith(TIMM):
        if isinstance(pretrained, str):
            raise ValueError(
                f"pretrained={pretrained} with {encoder}: a timm model names its weights itself, "
                f"set encoder={encoder.partition('.')[0]}.{pretrained} and pretrained=true"
            )
        return True
    available = list(PUBLISHED[encoder]["pretrained_settings"])
    if pretrained is True:
        return str(available[0])
    if pretrained not in available:
        raise ValueError(f"pretrained={pretrained}: {encoder} has the weights {available}, or true or false")
    return pretrained


def published_preprocessing(encoder: str, pretrained: bool | str) -> Statistics:
    """Return the normalisation of RGB that the published weights were trained with.

    Raises:
        ValueError: there are no such weights, or they read another order of colours.
        OSError: it stands on the hub, and the hub cannot be reached.
    """
    found = smp.encoders.get_preprocessing_params(encoder, published_weights(encoder, pretrained))
    if found["input_space"] != "RGB":
        raise ValueError(f"encoder {encoder!r} reads {found['input_space']}, not RGB: choose another encoder")
    white = found["input_range"][1]
    return [value / white for value in found["mean"]], [value / white for value in found["std"]]


def given_preprocessing(given: Mapping[str, Sequence[float]]) -> Statistics:
    """Return mean and standard deviation of a mapping with these keys.

    Raises:
        ValueError: not three numbers each, or a deviation that is not positive.
    """
    if set(given) != {"mean", "std"} or len(given["mean"]) != 3 or len(given["std"]) != 3 or min(given["std"]) <= 0:
        raise ValueError(
            "preprocessing needs {mean: [r, g, b], std: [r, g, b]} of RGB in 0 ... 1, "
            f"with positive std, got {dict(given)}"
        )
    return given["mean"], given["std"]
