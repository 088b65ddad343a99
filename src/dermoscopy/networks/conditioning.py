"""Conditioning: transformation of a classifier's input image by a region mask."""

import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from dermoscopy.machine.messages import nearest
from dermoscopy.masks.blur import gaussian_blur

KEEP = ("all", "lesion", "background", "outside_box", "nothing")
FILL = ("black", "mean", "blur")
EMPTY = ("whole", "black")


class Conditioning(nn.Module):
    """Conditioning of an image: part of it replaced, cropped to the lesion, its mask as a channel, in any combination.

    Training and prediction both use this module. Images are normalised; the result equals masking RGB in 0 ... 1 and
    normalising it afterwards. With a soft mask each pixel is replaced in part, and gradients reach the mask through
    the pixels of lesion and background and through the channel; the box comes from the hard mask and has none.

    Args:
        keep: pixels that are kept: all; lesion; background, where the lesion's shape remains visible; outside_box, all
            outside the lesion's bounding box, so that not even its shape remains; nothing. The last three are probes
            of how much a prediction depends on anything but the lesion.
        fill: replacement of the other pixels: black; mean, the mean colour of the image; blur, the blurred image.
        blur: standard deviation of the Gaussian, as a share of the image's shorter side.
        crop: null, or the margin around the lesion's box, as a share of the box's longer side. The crop is extended to
            the image's aspect ratio, so that no lesion is distorted, and resized to the image's size. Where it extends
            beyond the image, it is black, and unknown in the channel.
        channel: whether the mask is returned as well: +1 lesion, -1 background, 0 unknown.
        empty: meaning of a mask without any pixel: whole, the lesion may be anywhere, so the image is unchanged and the
            mask unknown; black, all is background. The image is then never cropped; keep=nothing still keeps nothing.
        mean, std: normalisation of the input images.

    Source of the probes: A. Bissoto et al., (De)Constructing Bias on Skin Lesion Datasets, CVPR Workshops 2019,
    arXiv 1904.08818.

    Raises:
        ValueError: a name is unknown or a number out of its range.
    """

    black: Tensor

    def __init__(
        self,
        keep: str,
        fill: str,
        blur: float,
        crop: float | None,
        channel: bool,
        empty: str,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.keep = _named("keep", keep, KEEP)
        self.fill = _named("fill", fill, FILL)
        self.empty = _named("empty", empty, EMPTY)
        if not 0 < blur < 1:
            raise ValueError(f"blur is a share of the shorter side, in (0, 1), got {blur}")
        if crop is not None and not 0 <= crop < math.inf:
            raise ValueError(f"crop is null or a margin of at least 0, got {crop}")
        self.blur, self.crop, self.channel = blur, crop, channel
        black = -torch.tensor(mean) / torch.tensor(std)
        self.register_buffer("black", black[:, None, None], persistent=False)

    @property
    def reads_mask(self) -> bool:
        """Whether the output depends on the mask; if not, the image is returned unchanged."""
        return self.keep != "all" or self.crop is not None or self.channel

    def forward(self, image: Tensor, mask: Tensor, hard: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the conditioned image (B, 3, H, W) and the mask channel (B, 1, H, W) or None.

        Args:
            image: (B, 3, H, W), normalised.
            mask: (B, 1, H, W) in 0 ... 1.
            hard: (B, 1, H, W), 0 or 1, the mask of the box and of emptiness; None: where `mask` exceeds 1/2.
        """
        expected = (len(image), 1, *image.shape[-2:])
        if image.shape[1] != 3 or mask.shape != expected:
            raise ValueError(
                f"an image (B, 3, H, W) needs a mask {expected}, got {tuple(image.shape)}, {tuple(mask.shape)}"
            )
        if not self.reads_mask:
            return image, None
        with torch.autocast(image.device.type, enabled=False):  # otherwise colours would be rounded in training only
            region = (mask if hard is None else hard) > 0.5
            known = region.flatten(1).any(1)[:, None, None, None]
            if self.keep != "all":
                image = torch.lerp(self._filling(image), image, self._kept(mask, region, known))
            channel = self._signed(mask, known) if self.channel else None
            if self.crop is None:
                return image, channel
            return self._cropped(image, channel, _cut_out(region, self.crop).to(image))

    def to_image_coordinates(self, picture: Tensor, hard: Tensor) -> Tensor:
        """Map a picture (B, C, H, W) of the conditioned image back to image coordinates; 0 outside the crop.

        Args:
            picture: picture in the coordinates of the crop; without a crop it is returned unchanged.
            hard: (B, 1, H, W), 0 or 1, the mask.
        """
        if self.crop is None:
            return picture
        return _resampled(picture, _cut_out(hard > 0.5, self.crop, back=True).to(picture))

    def _signed(self, mask: Tensor, known: Tensor) -> Tensor:
        """Return the mask as a channel, -1 ... +1 (B, 1, H, W)."""
        signed = 2 * mask - 1
        return signed if self.empty == "black" else signed * known

    def _kept(self, mask: Tensor, region: Tensor, known: Tensor) -> Tensor:
        """Return the share of each pixel that is kept (B, 1, H, W)."""
        if self.keep == "nothing":
            return torch.zeros_like(mask)
        if self.keep == "outside_box":
            return 1 - _inside(region.any(3))[..., None] * _inside(region.any(2))[:, :, None].to(mask)
        kept = mask if self.keep == "lesion" else 1 - mask
        return kept if self.empty == "black" else torch.where(known, kept, 1)

    def _filling(self, image: Tensor) -> Tensor:
        """Return the replacement of pixels: of the image's size, or one colour (B or 1, 3, 1, 1)."""
        if self.fill == "black":
            return self.black[None].to(image)
        if self.fill == "mean":
            return image.mean((2, 3), keepdim=True)
        sigma = self.blur * min(image.shape[-2:])
        return gaussian_blur(image, torch.full((len(image),), sigma, device=image.device), widest=sigma)

    def _cropped(self, image: Tensor, channel: Tensor | None, grid: Tensor) -> tuple[Tensor, Tensor | None]:
        black = self.black.to(image)
        shifted = image - black  # outside the image grid_sample returns 0, which is then black
        planes = shifted if channel is None else torch.cat([shifted, channel], 1)
        cut = _resampled(planes, grid)
        return cut[:, :3] + black, None if channel is None else cut[:, 3:]

    def extra_repr(self) -> str:
        image = f"keep={self.keep}, fill={self.fill}, crop={self.crop}"
        return f"{image}, channel={self.channel}, empty={self.empty}"


def _named(argument: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise ValueError(f"{argument} is one of {list(known)}, got {name!r}{nearest(str(name), known)}")
    return name


def _inside(some: Tensor) -> Tensor:
    """Return which positions lie between the first and the last that are set; bool (..., n)."""
    return (some.cumsum(-1) > 0) & (some.flip(-1).cumsum(-1).flip(-1) > 0)


def _span(some: Tensor) -> tuple[Tensor, Tensor]:
    """Return begin and end of the set positions, (B, 1) each, of (B, 1, n); the whole range if none is set."""
    inside = _inside(some)
    inside = inside | ~inside.any(-1, keepdim=True)
    first = inside.int().argmax(-1)  # the first of several
    return first, first + inside.sum(-1)


def _cut_out(region: Tensor, margin: float, back: bool = False) -> Tensor:
    """Return the position in the image, -1 ... 1 per side, of each pixel of the crop (B, H, W, 2).

    Args:
        region: bool (B, 1, H, W); its box is cropped, or the whole image where it is empty.
        margin: margin around the box, as a share of its longer side; none around the whole image.
        back: return the position in the crop of each pixel of the image instead.
    """
    height, width = region.shape[-2:]
    (top, bottom), (left, right) = _span(region.any(3)), _span(region.any(2))  # (B, 1) each
    around = 2 * margin * torch.maximum(bottom - top, right - left) * region.flatten(1).any(1, keepdim=True)
    share = torch.maximum((bottom - top + around) / height, (right - left + around) / width)  # the same for both sides
    y, x = _centres(height, region.device), _centres(width, region.device)
    middle_y, middle_x = (top + bottom) / height - 1, (left + right) / width - 1  # (B, 1)
    if back:
        y, x = (y - middle_y) / share, (x - middle_x) / share  # (B, H) and (B, W)
    else:
        y, x = share * y + middle_y, share * x + middle_x
    return torch.stack(torch.broadcast_tensors(x[:, None], y[..., None]), dim=-1)


def _resampled(planes: Tensor, grid: Tensor) -> Tensor:
    """Return planes (B, C, H, W) sampled at the positions of a grid (B, H, W, 2), 0 outside the planes."""
    return grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _centres(count: int, device: torch.device) -> Tensor:
    """Return the centres of pixels, in -1 ... 1."""
    return (2 * torch.arange(count, device=device) + 1) / count - 1
