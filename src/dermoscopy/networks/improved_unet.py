"""Improved U-Net: five levels of residual context modules and the sum of the segmentations of three levels.

Source: F. Isensee et al., Brain Tumor Segmentation and Radiomics Survival Prediction, BrainLes 2017, arXiv 1802.10508.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from dermoscopy.machine.messages import nearest
from dermoscopy.networks.padding import output_channels, run_padded
from dermoscopy.networks.rates import checked_rate
from dermoscopy.networks.weights import load_matching, read_weights

LEVELS = 5
STRIDE = 2 ** (LEVELS - 1)
SLOPE = 1e-2
KERAS_SLOPE = 0.3  # default of Keras's LeakyReLU, which the compact variant kept


class ImprovedUNet(nn.Module):
    """A U-Net of residual context modules, with logits of the size of the image, for any size.

    Args:
        variant: "isensee2017", the network of the paper in two dimensions; or "compact", the Keras network of the
            improved U-Net, with 4.39 M parameters: context modules of four convolutions with dropout on a skip, batch
            normalisation only inside them, and activated segmentations before a last convolution. The segmentations
            had one channel there; in this implementation they have one per class.
        masks: names of the K masks.
        exclusive: whether masks exclude each other: then K + 1 channels, the first for the background.
        filters: number of filters of the first level; each level doubles it.
        dropout: dropout rate inside context modules.
        checkpoint: file to start from: a state_dict or a checkpoint of this project; a head for other masks stays new.

    Raises:
        ValueError: the variant is unknown, a value is out of its range, or the weights do not fit.
    """

    enter: nn.ModuleList  # from level 1 down to 5
    context: nn.ModuleList
    up: nn.ModuleList  # from level 4 up to 1
    localise: nn.ModuleList
    segment: nn.ModuleList  # from level 3 up to 1
    output: nn.Module

    def __init__(
        self,
        variant: str,
        masks: Sequence[str],
        exclusive: bool,
        filters: int,
        dropout: float,
        checkpoint: str | Path | None,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {list(VARIANTS)}, got {variant!r}{nearest(variant, VARIANTS)}")
        if filters < 1:
            raise ValueError(f"filters must be at least 1, got {filters}")
        checked_rate("dropout", dropout)
        self.masks, self.exclusive = tuple(masks), exclusive
        widths = [filters * 2**level for level in range(LEVELS)]
        for name, part in VARIANTS[variant](widths, dropout, output_channels(masks, exclusive)).items():
            self.add_module(name, part)
        self.apply(_initialise)
        if checkpoint is not None:
            load_matching(self, read_weights(checkpoint), checkpoint, places=[""], heads=self.head_names())

    def head_names(self) -> list[str]:
        """Return the beginnings of the names of the parameters that depend on the masks."""
        return ["segment.", "output."]

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, K or K + 1, H, W) of image (B, 3, H, W)."""
        return run_padded(self._logits, image, STRIDE, 2 * STRIDE)  # 2 x 2 cells at the bottom: 1 has no variance

    def _logits(self, x: Tensor) -> Tensor:
        skips = []
        for enter, context in zip(self.enter, self.context, strict=True):
            x = context(enter(x))
            skips.append(x)
        skips.pop()
        total = None
        for up, localise, segment in zip(self.up, self.localise, [None, *self.segment], strict=True):
            x = localise(torch.cat([up(x), skips.pop()], dim=1))
            if segment is not None:
                total = segment(x) if total is None else interpolate(total, scale_factor=2) + segment(x)
        return self.output(total)


class PaperContext(nn.Module):
    """Context module of the paper: pre-activation residual block of two convolutions with dropout between them."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.InstanceNorm2d(width, affine=True),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.Dropout(dropout),
            nn.InstanceNorm2d(width, affine=True),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual(x)


class CompactContext(nn.Module):
    """Compact context module: pre-activation residual block, two convolutions beside a skip with dropout, skip."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.residual = nn.Sequential(*(layer for _ in range(2) for layer in self._pre_activated(width)))
        self.convolutions = nn.Sequential(_block(width, width, slope=0), _block(width, width, slope=0))
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def _pre_activated(width: int) -> list[nn.Module]:
        norm = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)  # Keras's defaults
        return [norm, nn.LeakyReLU(KERAS_SLOPE, inplace=True), _block(width, width, slope=0)]

    def forward(self, x: Tensor) -> Tensor:
        inner = x + self.residual(x)
        return x + self.convolutions(inner) + self.dropout(inner)


def _block(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, norm: bool = False, slope: float = SLOPE
) -> nn.Sequential:
    """Return a convolution, optional instance normalisation and a leaky ReLU."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)]
    if norm:
        layers.append(nn.InstanceNorm2d(outputs, affine=True))
    return nn.Sequential(*layers, nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True))


def _doubled(inputs: int, norm: bool = False, slope: float = SLOPE) -> nn.Sequential:
    """Return an upsampling by repeated pixels to twice the size and a block with half the channels."""
    return nn.Sequential(nn.Upsample(scale_factor=2), _block(inputs, inputs // 2, norm=norm, slope=slope))


def _halved(outputs: int) -> nn.Sequential:
    """Return a block at half the size, padded as in Keras: an even side only at its far end."""
    convolution = nn.Conv2d(outputs // 2, outputs, 3, stride=2)
    return nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), convolution, nn.LeakyReLU(SLOPE, inplace=True))


def _isensee2017(widths: list[int], dropout: float, channels: int) -> dict[str, nn.Module]:
    first, second, third, *_ = widths
    above = widths[-2::-1]  # of levels 4 to 1
    enter = [_block(a, b, stride=2, norm=True) for a, b in pairwise(widths)]
    localise = [nn.Sequential(_block(2 * n, 2 * n, norm=True), _block(2 * n, n, 1, norm=True)) for n in above[:-1]]
    return {
        "enter": nn.ModuleList([_block(3, first, norm=True), *enter]),
        "context": nn.ModuleList(PaperContext(width, dropout) for width in widths),
        "up": nn.ModuleList(_doubled(2 * width, norm=True) for width in above),
        "localise": nn.ModuleList([*localise, _block(2 * first, 2 * first, norm=True)]),
        "segment": nn.ModuleList(nn.Conv2d(width, channels, 1) for width in (third, second, 2 * first)),
        "output": nn.Identity(),
    }


def _compact(widths: list[int], dropout: float, channels: int) -> dict[str, nn.Module]:
    first, second, third, fourth, bottom = widths
    localise = [
        nn.Sequential(_block(2 * n, n), _block(n, n, size)) for n, size in ((fourth, 1), (third, 3), (second, 3))
    ]
    return {
        "enter": nn.ModuleList([_block(3, first), *(_halved(width) for width in widths[1:])]),
        "context": nn.ModuleList(CompactContext(width, dropout) for width in widths),
        "up": nn.ModuleList([_doubled(bottom, slope=0), *(_doubled(width) for width in (fourth, third, second))]),
        "localise": nn.ModuleList([*localise, _block(2 * first, 2 * first)]),
        "segment": nn.ModuleList(_block(width, channels) for width in (third, second, 2 * first)),
        "output": nn.Conv2d(channels, channels, 1),
    }


def _initialise(module: nn.Module) -> None:
    """Initialise weights from He's uniform distribution, as in Keras, and biases with 0."""
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


VARIANTS = {"isensee2017": _isensee2017, "compact": _compact}
