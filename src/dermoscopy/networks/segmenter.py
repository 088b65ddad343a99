"""Segmenter: any architecture of segmentation_models_pytorch on any encoder, for images of any size."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from segmentation_models_pytorch.base import SegmentationModel
from torch import Tensor, nn

from dermoscopy.machine.messages import nearest, one_line
from dermoscopy.networks.encoders import (
    TIMM,
    check_encoder,
    levels_to_output,
    published_preprocessing,
    published_weights,
)
from dermoscopy.networks.normalisation import Preprocessing, custom_preprocessing
from dermoscopy.networks.padding import output_channels, run_padded
from dermoscopy.networks.published import is_file_name, timm_names
from dermoscopy.networks.rates import check_rates
from dermoscopy.networks.weights import load_matching, read_weights

# prefixes of the names in a file: of a Segmenter, an smp model, an smp encoder, a timm model, also where timm wraps it
PLACES = (
    *("", "model.", "model.encoder.", "model.encoder.model."),
    *("model.encoder.model.model.", "model.encoder.model.body."),
)
HEAD = "model.segmentation_head."
FIXED = (
    "encoder_name",
    "encoder_weights",
    "in_channels",
    "classes",
    "activation",
    "aux_params",
)  # options set by the Segmenter
MOST_CELLS = 16  # per side, upper bound of the search for the smallest image; PAN needs the most, 8


Architecture = Callable[..., SegmentationModel]


class Segmenter(nn.Module):
    """An smp encoder-decoder with logits of the size of the image, for any size.

    Args:
        architecture: a partial of an smp model with its options, such as decoder_channels.
        encoder: name of an smp encoder, or tu- and the name of a timm model.
        masks: names of the K masks.
        exclusive: whether masks exclude each other: then K + 1 channels, the first for the background.
        mean, std: normalisation of the input images.
        pretrained: start from published weights: true, or their name where there are several, from the hub (downloaded
            once); or the file that has them.
        checkpoint: file to start from: a .safetensors or state_dict of the encoder, the smp model or its timm backbone,
            or a checkpoint of this project. Weights that the file lacks stay new, as does a head for other masks.
        preprocessing: {mean, std} of the images that the weights in `checkpoint` expect; None takes those in a
            checkpoint of this project, and smp's for any other file.
        options: further arguments of the timm model of a tu- encoder, such as drop_path_rate.

    Raises:
        ValueError: the encoder is unknown or unsuitable for the architecture, the architecture lacks an option, or the
            weights are unavailable or do not fit.
    """

    def __init__(
        self,
        architecture: Architecture,
        encoder: str,
        masks: Sequence[str],
        exclusive: bool,
        mean: Sequence[float],
        std: Sequence[float],
        pretrained: bool | str,
        checkpoint: str | Path | None,
        preprocessing: Mapping[str, Sequence[float]] | None,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.masks, self.exclusive = tuple(masks), exclusive
        channels = output_channels(masks, exclusive)
        check_encoder(encoder)
        _check_options(architecture, encoder)
        architecture = _with_options(architecture, encoder, options)
        file = str(pretrained) if is_file_name(pretrained) and checkpoint is None else None
        pretrained = False if checkpoint is not None or file is not None else pretrained
        weights = published_weights(encoder, pretrained)
        self.preprocessing = Preprocessing(mean, std)
        self.model = _build(architecture, encoder, channels)
        self.multiple = int(self.model.encoder.output_stride)
        self.least = _least_side(self.model, self.multiple, f"{_name(architecture)} with encoder {encoder!r}")
        if weights is not None:
            self.model = _build(architecture, encoder, channels, weights)
            self.preprocessing.expect(*published_preprocessing(encoder, pretrained))
        if checkpoint is not None:
            self._load("checkpoint", checkpoint, encoder, preprocessing is None)
        elif file is not None:
            self._load("pretrained", file, encoder, preprocessing is None)
            self.initial_weights = ""  # the decoder is new, and the classes of the file are left out
        if preprocessing is not None:
            self.preprocessing.expect(*custom_preprocessing(preprocessing))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, K or K + 1, H, W) of image (B, 3, H, W)."""
        return run_padded(self.model, self.preprocessing(image), self.multiple, self.least)

    def head_names(self) -> list[str]:
        """Return the beginnings of the names of the parameters outside of the encoder."""
        return [f"model.{name}." for name, _ in self.model.named_children() if name != "encoder"]

    def blocks_to_output(self) -> dict[str, int]:
        """Return the number of levels between each trainable parameter of the encoder and its last level."""
        levels = levels_to_output(self.model.encoder, self.least)
        return {f"model.encoder.{name}": count for name, count in levels.items()}

    def _load(self, argument: str, file: str | Path, encoder: str, by_default: bool) -> None:
        state, statistics = timm_names(encoder, read_weights(file, argument))
        loaded = load_matching(self, state, file, places=PLACES, heads=[HEAD])
        if not by_default or "preprocessing.mean" in loaded:
            return
        try:
            self.preprocessing.expect(*(statistics or published_preprocessing(encoder, True)))
        except Exception as error:  # the hub's client raises dozens of types
            raise ValueError(
                f"{argument} {file} does not record how its images were normalised, and smp's values are "
                f"unavailable ({one_line(error)}): set preprocessing, for most weights to "
                "'{mean: ${datamodule.mean}, std: ${datamodule.std}}'"
            ) from error


def _name(architecture: Architecture) -> str:
    return _build_and_options(architecture)[0].__name__


def _build_and_options(architecture: Architecture) -> tuple[Architecture, dict[str, object]]:
    """Return the callable that builds the model, usually its class, and the configured options."""
    options: dict[str, object] = {}
    while isinstance(architecture, partial):  # Hydra's partials stay nested in others
        options = architecture.keywords | options
        architecture = architecture.func
    return architecture, options


def _check_options(architecture: Architecture, encoder: str) -> None:
    """Refuse options that smp would silently drop, and those set by the Segmenter itself."""
    model, options = _build_and_options(architecture)
    known = set(inspect.signature(model).parameters) - {"kwargs", *FIXED}
    for option in options:
        if option in FIXED:
            raise ValueError(f"architecture.{option} is set by the network itself: remove it")
        if option not in known and not encoder.startswith(
            TIMM
        ):  # a timm model accepts more options and refuses unknown ones
            raise ValueError(f"{model.__name__} has no option architecture.{option}{nearest(option, known)}")


def _with_options(architecture: Architecture, encoder: str, options: Mapping[str, Any]) -> Architecture:
    """Return an architecture that hands further arguments on to the timm model of its encoder."""
    if options and not encoder.startswith(TIMM):
        raise ValueError(f"options are those of a timm model, and encoder={encoder} is none: choose tu-NAME")
    check_rates(options)
    model, _ = _build_and_options(architecture)
    for option in options:
        if option in inspect.signature(model).parameters:
            raise ValueError(f"options.{option} is no option of a timm model, but of {model.__name__}: remove it")
    return partial(architecture, **options)


def _build(
    architecture: Architecture, encoder: str, channels: int, weights: str | bool | None = None
) -> SegmentationModel:
    try:
        return architecture(encoder_name=encoder, encoder_weights=weights, in_channels=3, classes=channels)
    except Exception as error:  # smp, timm and the hub's client raise dozens of types
        if weights is None:
            raise ValueError(
                f"{_name(architecture)} cannot be built with encoder {encoder!r} and the options of "
                f"architecture: {one_line(error)}"
            ) from error
        raise ValueError(  # without weights the build succeeded
            f"pretrained weights of {encoder!r} are unavailable ({one_line(error)}): set pretrained=false, "
            "or checkpoint=FILE with local weights"
        ) from error


def _least_side(model: SegmentationModel, multiple: int, name: str) -> int:
    """Return the shortest side that the network can read, determined by trial, as some also pool after the encoder."""
    training, cells = model.training, 1
    model.eval()
    while True:
        try:
            with torch.no_grad():
                model(torch.zeros(1, 3, cells * multiple, cells * multiple))
            break
        except Exception as error:  # any error of parts that do not fit each other
            if cells >= MOST_CELLS:
                side = cells * multiple
                raise ValueError(f"{name} reads no image of {side} px, choose another: {one_line(error)}") from error
        cells *= 2
    model.train(training)
    return cells * multiple
