"""Encoders of segmentation_models_pytorch (smp): names, published weights and their image normalisation."""

import segmentation_models_pytorch as smp
import timm

from dermoscopy.machine.messages import nearest
from dermoscopy.networks.published import Statistics

TIMM = "tu-"  # smp's prefix of the name of a timm model
PUBLISHED = smp.encoders.encoders


def check_encoder(name: str) -> None:
    """Raise ValueError with the nearest names if smp has no such encoder."""
    if name in PUBLISHED or (name.startswith(TIMM) and timm.is_model(name.removeprefix(TIMM))):
        return
    known = [*PUBLISHED, *(TIMM + model for model in timm.list_models())]
    raise ValueError(f"encoder {name!r} is neither an encoder of smp nor tu-TIMM_MODEL{nearest(name, known)}")


def published_weights(encoder: str, pretrained: bool | str) -> str | bool | None:
    """Return smp's name of the published weights requested by `pretrained`; None for none.

    Args:
        encoder: a name accepted by `check_encoder`.
        pretrained: true for the first published weights, usually imagenet; or their name.

    Raises:
        ValueError: there are no weights of that name.
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
    """Return the normalisation of RGB with which the published weights were trained.

    Raises:
        ValueError: there are no such weights, or they expect another order of colours.
        OSError: the normalisation is on the hub, and the hub cannot be reached.
    """
    settings = smp.encoders.get_preprocessing_params(encoder, published_weights(encoder, pretrained))
    if settings["input_space"] != "RGB":
        raise ValueError(f"encoder {encoder!r} reads {settings['input_space']}, not RGB: choose another encoder")
    white = settings["input_range"][1]
    return [value / white for value in settings["mean"]], [value / white for value in settings["std"]]
