"""Y-net: a segmenter with a label head on its intermediate features."""

from collections.abc import Callable, Sequence
from functools import partial

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base import SegmentationModel
from torch import Tensor, nn

from dermoscopy.machine.messages import nearest
from dermoscopy.networks.padding import run_padded
from dermoscopy.networks.rates import checked_rate
from dermoscopy.networks.segmenter import Segmenter

HEAD_LEVELS = ("encoder", "bottleneck", "decoder")
LEVEL = 3  # of smp's encoders, which halve the image from one level to the next: stride 8
WIDTH = 256  # channels that the label head pools


class YNet(nn.Module):
    """One encoder for labels and masks; masks are predicted, never read.

    The label head is a 1x1 convolution, BatchNorm, ReLU, the mean over the image, dropout and a linear layer.

    Args:
        segmenter: network of the masks; it also loads the weights of the encoder.
        labels: names of the L labels.
        head_level: input features of the label head: `encoder`, the encoder's at stride 8; `bottleneck`, the encoder's
            last; `decoder`, those of a U-Net's decoder at stride 8.
        dropout: dropout rate before the linear layer.

    Raises:
        ValueError: `head_level` is unknown, or the segmenter does not have it; or the dropout lies outside [0, 1).
    """

    def __init__(self, segmenter: Segmenter, labels: Sequence[str], head_level: str, dropout: float) -> None:
        super().__init__()
        if not isinstance(segmenter, Segmenter):
            raise ValueError(
                f"segmenter {type(segmenter).__name__} has no encoder for a label head: choose one of "
                "segmentation-models-pytorch, such as network@network.segmenter=fpn"
            )
        self.segmenter, self.labels, self.head_level = segmenter, tuple(labels), head_level
        self.head = nn.Sequential(
            nn.Conv2d(_channels(segmenter.model, head_level), WIDTH, kernel_size=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(checked_rate("dropout", dropout)),
            nn.Linear(WIDTH, len(labels)),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return label logits (B, L) of image (B, 3, H, W); masks are not computed."""
        return self._run_padded(self._labels, image)[..., 0, 0]

    @property
    def segments(self) -> tuple[str, ...]:
        """Names of the masks that the segmenter predicts."""
        return self.segmenter.masks

    def head_names(self) -> list[str]:
        """Return the beginnings of the names of the parameters outside of the encoder."""
        return ["head.", *(f"segmenter.{name}" for name in self.segmenter.head_names())]

    def blocks_to_output(self) -> dict[str, int]:
        """Return the number of levels between each trainable parameter of the encoder and its last level."""
        return {f"segmenter.{name}": count for name, count in self.segmenter.blocks_to_output().items()}

    def forward_masks(self, image: Tensor) -> Tensor:
        """Return mask logits (B, K or K + 1, H, W) of image (B, 3, H, W); labels are not computed."""
        logits: Tensor = self.segmenter(image)
        return logits

    def forward_joint(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return label logits (B, L) and mask logits (B, K or K + 1, H, W) of image (B, 3, H, W), in one pass."""
        logits = self._run_padded(self._labels_and_masks, image)
        labels, masks = logits.tensor_split([len(self.labels)], dim=1)
        return labels[..., 0, 0], masks

    def _run_padded(self, network: Callable[..., Tensor], image: Tensor) -> Tensor:
        """Return the logits of an image padded like the segmenter's."""
        network, segmenter = partial(network, size=image.shape[-2:]), self.segmenter
        return run_padded(network, segmenter.preprocessing(image), segmenter.multiple, segmenter.least)

    def _labels(self, image: Tensor, size: Sequence[int]) -> Tensor:
        inputs = self._head_inputs(self.segmenter.model.encoder(image))
        return _everywhere(self.head(_within(inputs, image, size)), image)

    def _labels_and_masks(self, image: Tensor, size: Sequence[int]) -> Tensor:
        model = self.segmenter.model
        features = model.encoder(image)
        inputs = self._head_inputs(features)
        decoded = self._up(inputs, features, after=True) if self.head_level == "decoder" else model.decoder(features)
        masks = model.segmentation_head(decoded)
        return torch.cat([_everywhere(self.head(_within(inputs, image, size)), masks), masks], dim=1)

    def _head_inputs(self, features: Sequence[Tensor]) -> Tensor:
        """Return the input features of the label head."""
        if self.head_level == "decoder":
            return self._up(self.segmenter.model.decoder.center(features[-1]), features, after=False)
        return features[LEVEL if self.head_level == "encoder" else -1]

    def _up(self, x: Tensor, features: Sequence[Tensor], after: bool) -> Tensor:
        """Run the steps of a U-Net's decoder up to the label head, or those after it."""
        skips = [*features[-2:0:-1], None]  # the image itself is no skip
        steps = list(zip(self.segmenter.model.decoder.blocks, features[-2::-1], skips, strict=True))
        for block, larger, skip in steps[-LEVEL:] if after else steps[:-LEVEL]:
            x = block(x, *larger.shape[-2:], skip)
        return x


def _channels(model: SegmentationModel, head_level: str) -> int:
    """Return the number of channels at a `head_level` of an smp model."""
    if head_level not in HEAD_LEVELS:
        known = ", ".join(HEAD_LEVELS)
        raise ValueError(f"head_level must be one of {known}, got {head_level!r}{nearest(head_level, HEAD_LEVELS)}")
    if head_level == "decoder" and not isinstance(model, smp.Unet):
        raise ValueError(
            f"head_level=decoder needs the decoder of a Unet, {type(model).__name__} has another: "
            "set head_level=encoder or head_level=bottleneck"
        )
    channels = model.encoder.out_channels
    depth, least = len(channels) - 1, LEVEL + 1 if head_level == "decoder" else LEVEL
    if head_level != "bottleneck" and depth < least:
        raise ValueError(
            f"head_level={head_level} needs a segmenter with architecture.encoder_depth={least} or more, it is {depth}"
            ": set head_level=bottleneck"
        )
    if head_level == "decoder":
        return int(model.decoder.blocks[-LEVEL - 1].conv2[0].out_channels)
    return int(channels[LEVEL if head_level == "encoder" else -1])


def _within(features: Tensor, image: Tensor, size: Sequence[int]) -> Tensor:
    """Return the cells of a feature map that cover the image and not only its padding."""
    sizes = zip(size, features.shape[-2:], image.shape[-2:], strict=True)
    rows, columns = (-(-side * cells // padded) for side, cells, padded in sizes)
    return features[..., :rows, :columns]


def _everywhere(labels: Tensor, like: Tensor) -> Tensor:
    """Return label logits as constant maps (B, L, H, W), to be padded and cropped like masks."""
    return labels[..., None, None].expand(-1, -1, *like.shape[-2:])
