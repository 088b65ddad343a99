"""Conditioning: how a classifier sees an image of which a region is known."""

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
    """An image with a part of it replaced, cropped to the lesion, its mask beside it as a channel; in any combination.

    Training and prediction both call this. Images come normalised, and what is seen is what masking RGB in 0 ... 1 and
    normalising it afterwards would give. Of a soft mask each pixel is replaced in part, and gradients reach the mask
    through the pixels of the lesion or background, and through the channel; a box is of the hard mask and has none.

    Args:
        keep: all, no pixel is replaced; lesion, the background is; background, the lesion is, and its shape remains;
            outside_box, the lesion's whole bounding box is, so that not even its shape remains; nothing, the whole
            image is. The last three ask how much of an answer comes from elsewhere than the lesion.
        fill: what pixels are replaced by: black; mean, the mean colour of the whole image; blur, the image blurred.
        blur: standard deviation of the Gaussian, a share of the image's shorter side.
        crop: null, or the margin around the lesion's box, a share of the box's longer side. The cut-out is enlarged
            to the image's aspect, so that no lesion is distorted, and resized to its size. It may reach beyond the
            image: that is black, and unknown in the channel.
        channel: whether the mask is handed on as well: +1 lesion, -1 background, 0 unknown.
        empty: what a mask without any pixel means: whole, that the lesion may be anywhere: the image is unchanged and
            the mask unknown; black, that all is background. It is never cropped, and keep=nothing shows nothing.
        mean, std: normalisation that the images come with.

    Source: the probes are of A. Bissoto et al., (De)Constructing Bias on Skin Lesion Datasets, CVPR Workshops 2019,
    arXiv 1904.08818.

    Raises:
        ValueError: an unknown name, or a number out of its range.
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
        if crop is not None and crop < 0:
            raise ValueError(f"crop is null or a margin of at least 0, got {crop}")
        self.blur, self.crop, self.channel = blur, crop, channel
        black = -torch.tensor(mean) / torch.tensor(std)
        self.register_buffer("black", black[:, None, None], persistent=False)

    @property
    def reads_mask(self) -> bool:
        """Whether a mask changes anything: if not, the image is seen as it is."""
        return self.keep != "all" or self.crop is not None or self.channel

    def forward(self, image: Tensor, mask: Tensor, hard: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the image that is seen (B, 3, H, W), and the mask's channel (B, 1, H, W) or None.

        Args:
            image: (B, 3, H, W), normalised.
            mask: (B, 1, H, W) in 0 ... 1.
            hard: (B, 1, H, W), 0 or 1: whose box counts, and whether there is any; None is where `mask` exceeds 1/2.
        """
        wanted = (len(image), 1, *image.shape[-2:])
        if image.shape[1] != 3 or mask.shape != wanted:
            raise ValueError(
                f"an image (B, 3, H, W) needs a mask {wanted}, got {tuple(image.shape)}, {tuple(mask.shape)}"
            )
        if not self.reads_mask:
            return image, None
        with torch.autocast(image.device.type, enabled=False):  # or colours would be rounded in training alone
            found = (mask if hard is None else hard) > 0.5
            known = found.flatten(1).any(1)[:, None, None, None]
            if self.keep != "all":
                image = torch.lerp(self._filling(image), image, self._kept(mask, found, known))
            channel = self._signed(mask, known) if self.channel else None
            if self.crop is None:
                return image, channel
            return self._cropped(image, channel, _cut_out(found, self.crop).to(image))

    def to_image_coordinates(self, picture: Tensor, hard: Tensor) -> Tensor:
        """Return a picture (B, C, H, W) of what is seen where it lies in the image; 0 where nothing is seen.

        Args:
            picture: of the image that was cropped by the mask; without a crop it stays as it is.
            hard: (B, 1, H, W), 0 or 1, the mask.
        """
        if self.crop is None:
            return picture
        return _resampled(picture, _cut_out(hard > 0.5, self.crop, back=True).to(picture))

    def _signed(self, mask: Tensor, known: Tensor) -> Tensor:
        """Return the mask as a channel, -1 ... +1 (B, 1, H, W)."""
        signed = 2 * mask - 1
        return signed if self.empty == "black" else signed * known

    def _kept(self, mask: Tensor, found: Tensor, known: Tensor) -> Tensor:
        """Return how much of each pixel stays (B, 1, H, W)."""
        if self.keep == "nothing":
            return torch.zeros_like(mask)
        if self.keep == "outside_box":
            return 1 - _inside(found.any(3))[..., None] * _inside(found.any(2))[:, :, None].to(mask)
        kept = mask if self.keep == "lesion" else 1 - mask
        return kept if self.empty == "black" else torch.where(known, kept, 1)

    def _filling(self, image: Tensor) -> Tensor:
        """Return what replaces pixels, as large as the image or one colour (B or 1, 3, 1, 1)."""
        if self.fill == "black":
            return self.black[None].to(image)
        if self.fill == "mean":
            return image.mean((2, 3), keepdim=True)
        sigma = self.blur * min(image.shape[-2:])
        return gaussian_blur(image, torch.full((len(image),), sigma, device=image.device), widest=sigma)

    def _cropped(self, image: Tensor, channel: Tensor | None, grid: Tensor) -> tuple[Tensor, Tensor | None]:
        black = self.black.to(image)
        shifted = image - black  # beyond the image grid_sample gives 0: now black
        planes = shifted if channel is None else torch.cat([shifted, channel], 1)
        cut = _resampled(planes, grid)
        return cut[:, :3] + black, None if channel is None else cut[:, 3:]

    def extra_repr(self) -> str:
        seen = f"keep={self.keep}, fill={self.fill}, crop={self.crop}"
        return f"{seen}, channel={self.channel}, empty={self.empty}"


def _named(argument: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise ValueError(f"{argument} is one of {list(known)}, got {name!r}{nearest(str(name), known)}")
    return name


def _inside(some: Tensor) -> Tensor:
    """Return which places lie between the first and the last that are set; bool (..., n)."""
    return (some.cumsum(-1) > 0) & (some.flip(-1).cumsum(-1).flip(-1) > 0)


def _span(some: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the places that are set begin and end, (B, 1) each, of (B, 1, n); all of them if none is set."""
    inside = _inside(some)
    inside = inside | ~inside.any(-1, keepdim=True)
    first = inside.int().argmax(-1)  # the first of several
    return first, first + inside.sum(-1)


def _cut_out(found: Tensor, margin: float, back: bool = False) -> Tensor:
    """Return where in the image, -1 ... 1 a side, each pixel of the cut-out lies (B, H, W, 2).

    Args:
        found: bool (B, 1, H, W); its box is cut out, or all of the image where there is none.
        margin: around the box, a share of its longer side; there is none around all of the image.
        back: return where in the cut-out each pixel of the image lies.
    """
    height, width = found.shape[-2:]
    (top, bottom), (left, right) = _span(found.any(3)), _span(found.any(2))  # (B, 1) each
    around = 2 * margin * torch.maximum(bottom - top, right - left) * found.flatten(1).any(1, keepdim=True)
    share = torch.maximum((bottom - top + around) / height, (right - left + around) / width)  # of both sides
    y, x = _centres(height, found.device), _centres(width, found.device)
    middle_y, middle_x = (top + bottom) / height - 1, (left + right) / width - 1  # (B, 1)
    if back:
        y, x = (y - middle_y) / share, (x - middle_x) / share  # (B, H) and (B, W)
    else:
        y, x = share * y + middle_y, share * x + middle_x
    return torch.stack(torch.broadcast_tensors(x[:, None], y[..., None]), dim=-1)


def _resampled(planes: Tensor, grid: Tensor) -> Tensor:
    """Return planes (B, C, H, W) at the places of a grid (B, H, W, 2), 0 beyond them."""
    return grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _centres(count: int, device: torch.device) -> Tensor:
    """Return the centres of pixels, in -1 ... 1."""
    return (2 * torch.arange(count, device=device) + 1) / count - 1
