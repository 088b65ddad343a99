"""Encoders of segmentation_models_pytorch (smp): names, published weights and their image normalisation."""

import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn

from dermoscopy.machine.messages import nearest
from dermoscopy.networks.published import Statistics, check_file_name
from dermoscopy.networks.timm_models import check_timm_model

TIMM = "tu-"  # smp's prefix of the name of a timm model
PUBLISHED = smp.encoders.encoders


def check_encoder(name: str) -> None:
    """Raise ValueError with the nearest names if smp has no such encoder, or timm no such weights of it."""
    if name in PUBLISHED:
        return
    if name.startswith(TIMM) and timm.is_model(name.removeprefix(TIMM)):
        check_timm_model("encoder", name.removeprefix(TIMM))
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
        named = f"{encoder.partition('.')[0]}.{pretrained}"
        if isinstance(pretrained, str) and timm.list_pretrained(named.removeprefix(TIMM)):
            raise ValueError(
                f"pretrained={pretrained} with {encoder}: a timm model names its weights itself, "
                f"set encoder={named} and pretrained=true"
            )
        check_file_name(pretrained)
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


def levels_to_output(encoder: nn.Module, side: int) -> dict[str, int]:
    """Return the number of levels between each trainable parameter of an encoder and its last level, by name.

    A level is what the encoder adds from one of its outputs to the next; a parameter belongs to the first output that
    depends on it, and to the last level if none does.

    Args:
        encoder: of smp.
        side: of a square image that the encoder can read, pixels.
    """
    training = [module for module in encoder.modules() if module.training]
    waiting = {name: parameter for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    example = next(encoder.parameters())
    encoder.eval()
    level = dict.fromkeys(waiting, 0)
    try:
        with torch.enable_grad():
            features = encoder(torch.zeros(1, 3, side, side, device=example.device, dtype=example.dtype))
            for number, feature in enumerate(features):
                if waiting and feature.requires_grad:
                    gradients = torch.autograd.grad(
                        feature.sum(), list(waiting.values()), allow_unused=True, retain_graph=True
                    )
                    reached = [name for name, g in zip(waiting, gradients, strict=True) if g is not None]
                    level |= dict.fromkeys(reached, number)
                    waiting = {name: parameter for name, parameter in waiting.items() if name not in reached}
    finally:
        for module in training:  # not train(): frozen parts stay in evaluation mode
            module.training = True
    last = max(level.values(), default=0)
    return {name: 0 if name in waiting else last - number for name, number in level.items()}
