"""Classifier: any timm backbone, with optional mask channels as input and access to its features."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn

from dermoscopy.machine.messages import one_line
from dermoscopy.networks.normalisation import Preprocessing, custom_preprocessing
from dermoscopy.networks.published import Statistics, check_file_name, timm_names
from dermoscopy.networks.rates import check_rates, checked_rate
from dermoscopy.networks.stem import stem_name, widen_stem
from dermoscopy.networks.timm_models import check_timm_model
from dermoscopy.networks.weights import load_matching, read_weights

Backbone = Any  # a timm model: timm models share methods such as forward_features, but no base class with them
Result = TypeVar("Result")
HF_HUB = "hf-hub:"  # timm's prefix of the name of any model on the hub
FIXED = ("pretrained", "num_classes", "drop_rate", "in_chans", "features_only")  # options that the Classifier sets


@runtime_checkable
class NamesLayout(Protocol):
    """A timm backbone that names the memory layout of its feature maps, as those with channels last do."""

    output_fmt: str


@runtime_checkable
class NamesGroups(Protocol):
    """A timm backbone whose parameters form a sequence of groups, by patterns of their names."""

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]: ...


class Classifier(nn.Module):
    """A timm backbone with L logits that reads an image and, with mask channels, its masks.

    Args:
        backbone: name of any timm model with a convolutional stem, or hf-hub:OWNER/NAME for one that the hub describes.
        labels: names of the L labels.
        masks: names of the K mask channels; empty for an image-only network.
        pretrained: start from published weights: true, those of timm's hub (downloaded once); or a file with them.
        checkpoint: file to start from: a .safetensors or state_dict of the backbone, or a checkpoint of this project.
        dropout: dropout rate before the last layer.
        aux_head_stride: stride in pixels of the features of `forward_with_features`, the last ones of that stride; None
            for no auxiliary head.
        mean, std: normalisation of the input images; published weights that expect another one receive theirs.
        preprocessing: {mean, std} of the images that the weights expect; None takes those in a checkpoint of this
            project, and those of the published weights for any other file.
        options: further arguments of timm's model, such as drop_path_rate or img_size.

    Raises:
        ValueError: the backbone is unknown, refuses an option, lacks the stride or has a stem that is no convolution
            over RGB, or the weights are unavailable or do not fit.
    """

    def __init__(
        self,
        backbone: str,
        labels: Sequence[str],
        masks: Sequence[str],
        pretrained: bool | str,
        checkpoint: str | Path | None,
        dropout: float,
        aux_head_stride: int | None,
        mean: Sequence[float],
        std: Sequence[float],
        preprocessing: Mapping[str, Sequence[float]] | None,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.name, self.labels, self.masks, self.aux_head_stride = (
            backbone,
            tuple(labels),
            tuple(masks),
            aux_head_stride,
        )
        from_hub = pretrained is True and checkpoint is None
        self.backbone: Backbone = _create(backbone, len(labels), from_hub, dropout, options)
        self.aux_head = None if aux_head_stride is None else _aux_head(self.backbone, backbone, aux_head_stride)
        self.stem = stem = stem_name(self.backbone, backbone)
        if masks:
            widen_stem(self.backbone, stem, len(masks), backbone)
        self.preprocessing = Preprocessing(mean, std)
        if from_hub:
            self.preprocessing.expect(*self._published_statistics())
        if checkpoint is not None:
            self._load("checkpoint", checkpoint, stem)
        elif isinstance(pretrained, str):
            check_file_name(pretrained)
            self._load("pretrained", pretrained, stem)
            self.initial_weights = ""  # only the last layer, of other classes, is left out
        if preprocessing is not None:
            self.preprocessing.expect(*custom_preprocessing(preprocessing))

    def _load(self, argument: str, file: str | Path, stem: str) -> None:
        """Load a file, and expect the normalisation of a backbone's weights where it holds no other."""
        state, statistics = timm_names(self.name, read_weights(file, argument))
        auxiliary = "backbone.AuxLogits."  # of Inception, for its training alone
        heads = [*(f"backbone.{layer}" for layer in self._last_layers()), auxiliary, "preprocessing."]
        loaded = load_matching(self, state, file, places=("backbone.", ""), heads=heads, stem=f"backbone.{stem}")
        if "preprocessing.mean" not in loaded and not loaded & state.keys():
            self.preprocessing.expect(*(statistics or self._published_statistics()))

    def _published_statistics(self) -> Statistics:
        """Return the normalisation of RGB with which timm's published weights were trained."""
        config = self.backbone.pretrained_cfg
        return config["mean"], config["std"]

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return logits (B, L) of image (B, 3, H, W) and mask (B, K, H, W) in -1, 0, +1; None is all unknown."""
        logits: Tensor = self._read(self.backbone, image, mask)
        return logits

    def forward_with_features(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the logits (B, L) and the features (B, C, h, w) of the auxiliary head, in one pass.

        Raises:
            ValueError: the network has no auxiliary head.
        """
        if self.aux_head is None:
            raise ValueError("this network has no auxiliary head: set network.aux_head_stride=8")
        part = partial(self.backbone.forward_intermediates, indices=[self.aux_head])
        last, (features,) = self._read(part, image, mask)
        return self.backbone.forward_head(last), features

    def head_names(self) -> list[str]:
        """Return the beginnings of the names of the parameters of the last layer and of the filters for masks."""
        return [*(f"backbone.{layer}." for layer in self._last_layers()), f"backbone.{self.stem}.masks."]

    def _last_layers(self) -> tuple[str, ...]:
        last = self.backbone.pretrained_cfg.get("classifier") or "head"  # two of a distilled network
        return (last,) if isinstance(last, str) else tuple(last)

    def blocks_to_output(self) -> dict[str, int]:
        """Return the number of timm's blocks between each parameter of the body and its last block.

        Raises:
            ValueError: timm names no blocks of this backbone.
        """
        if not isinstance(self.backbone, NamesGroups):
            raise ValueError(
                f"parameter_groups.layer_decay needs blocks, timm names none of backbone {self.name!r}: leave it out"
            )
        matcher = self.backbone.group_matcher(coarse=False)
        number: dict[str, int] = group_parameters(self.backbone, matcher, reverse=True)  # type: ignore[arg-type]
        heads = tuple(self.head_names())
        body = {f"backbone.{name}": n for name, n in number.items() if not f"backbone.{name}".startswith(heads)}
        last = max(body.values())
        return {name: last - n for name, n in body.items()}

    def forward_maps(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the last features (B, C, h, w) before pooling, the input of `forward_head`.

        Raises:
            ValueError: the backbone ends in tokens or in a channels-last map.
        """
        maps: Tensor = self._read(self.backbone.forward_features, image, mask)
        last = isinstance(self.backbone, NamesLayout) and self.backbone.output_fmt != "NCHW"
        if maps.ndim != 4 or last:
            raise ValueError(
                f"backbone {self.name!r} ends in features {tuple(maps.shape)}, not in a map (B, C, h, w): "
                "choose a convolutional backbone"
            )
        return maps

    def forward_head(self, maps: Tensor) -> Tensor:
        """Return the logits (B, L) from the features of `forward_maps`."""
        logits: Tensor = self.backbone.forward_head(maps)
        return logits

    def _read(self, part: Callable[[Tensor], Result], image: Tensor, mask: Tensor | None) -> Result:
        """Return the output of a part of the backbone that begins with the stem, for an image and its masks."""
        image = self.preprocessing(image)
        inputs = image if mask is None or not self.masks else torch.cat([image, mask], dim=1)
        try:
            return part(inputs)
        except (RuntimeError, AssertionError) as error:  # backbones fail in many ways on images of a wrong size
            own = self.backbone.pretrained_cfg["input_size"][1:]
            if "alloc" in str(error) or not self._reads(own, like=inputs):
                raise
            height, width = image.shape[-2:]
            raise ValueError(
                f"backbone {self.name!r} cannot read images of {height} x {width} px: "
                f"choose another data.size, such as data.size=[{own[0]},{own[1]}]"
            ) from error

    @torch.no_grad()
    def _reads(self, size: Sequence[int], like: Tensor) -> bool:
        """Return whether the backbone reads images of a size."""
        try:
            self.backbone(like.new_zeros(2, like.shape[1], *size))
        except (RuntimeError, AssertionError):
            return False
        return True


def _create(name: str, labels: int, pretrained: bool, dropout: float, options: Mapping[str, Any]) -> Backbone:
    if not name.startswith(HF_HUB):
        check_timm_model("backbone", name)
    if own := [option for option in options if option in FIXED]:
        raise ValueError(f"options.{own[0]} is set by the network itself: remove it")
    checked_rate("dropout", dropout)
    check_rates(options)
    try:
        made: Any = timm.create_model(name, pretrained=pretrained, num_classes=labels, drop_rate=dropout, **options)
    except TypeError as error:
        if not options:
            raise
        raise ValueError(f"options {dict(options)} do not suit backbone {name!r}: {error}") from error
    except Exception as error:
        if name.startswith(HF_HUB) and not pretrained:
            raise ValueError(
                f"backbone {name!r} is described on the hub, which is unavailable ({type(error).__name__}): choose "
                "another backbone, or try again with a network"
            ) from error
        if not pretrained:
            raise
        # The hub's client raises dozens of types; with pretrained=true all mean that the weights cannot be used.
        raise ValueError(
            f"pretrained weights of {name!r} are unavailable ({one_line(error)}): set pretrained=false, "
            "or checkpoint=FILE with local weights"
        ) from error
    _narrow_last_layer(made)
    return made


def _narrow_last_layer(backbone: Backbone) -> None:
    """Draw the last layer anew, within torch's default range, where timm draws it from a much wider one.

    Of EfficientNets the range depends on the number of classes alone: it is -1 ... 1 for a single label, whose first
    logits are then in the tens, and whose first gradients undo what the pretrained body has learned.
    """
    if isinstance(last := backbone.get_classifier(), nn.Linear) and last.weight.abs().max() > 2 / last.in_features**0.5:
        last.reset_parameters()


def _aux_head(backbone: Backbone, name: str, stride: int) -> int:
    """Return the index, among timm's intermediates, of the last one with this stride."""
    strides: dict[int, int] = {info["reduction"]: index for index, info in enumerate(backbone.feature_info)}
    if stride not in strides:
        available = ", ".join(map(str, strides))
        raise ValueError(f"aux_head_stride={stride}: backbone {name!r} has features at stride {available}")
    return strides[stride]
